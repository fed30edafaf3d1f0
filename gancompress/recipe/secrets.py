"""What a recipe must not hold, because it is copied into the run, its report and its log."""

from urllib.parse import parse_qsl, urlsplit

# Names under which services take a key in an address.
_SECRET_NAMES = (
    *("key", "apikey", "api_key", "token", "access_token", "auth", "password", "passwd", "pwd"),
    *("secret", "signature", "sig", "credential", "sslpassword"),
)


def holds_secret(address: str) -> bool:
    """Whether a URL has a password before its host, or a key among its parameters."""
    if "://" not in address:
        return False
    try:
        parts = urlsplit(address)
        names = [name.lower() for name, value in parse_qsl(parts.query) if value]
        password = parts.password
    except ValueError:  # no URL; whoever opens it says so
        return "@" in address
    return bool(password) or any(
        name in _SECRET_NAMES or name.rpartition("-")[2] in _SECRET_NAMES for name in names
    )


def secret_mistakes(*, storage: str, url: str) -> list[str]:
    """Where a secret would be kept in a file, and where it belongs instead; it is not repeated.

    Args:
        storage: ``search.storage``.
        url: ``teacher.remote.url``.
    """
    found = []
    if holds_secret(storage):
        found.append(
            "search.storage: holds a password, which the run, its report and its log would keep; "
            "leave it out of the URL and set PGPASSWORD, or write a ~/.pgpass"
        )
    if holds_secret(url):
        found.append(
            "teacher.remote.url: holds a key or a password, which the run would keep; put it into "
            "an environment variable and name that in teacher.remote.credential"
        )
    return found
