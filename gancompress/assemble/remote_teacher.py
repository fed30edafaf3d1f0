"""A service that a recipe names as its teacher."""

from pathlib import Path

from torch import Tensor

from gancompress.batch import InputSpec
from gancompress.errors import RecipeError
from gancompress.recipe.sources import RemoteOptions
from gancompress.teachers.exchange import Credential, Pace, Retry
from gancompress.teachers.remote import Exchange, RemoteTeacher
from gancompress.teachers.teacher import InputData
from gancompress.teachers.wire import Decode, receive_png, receive_scores

# Probabilities are rounded on their way; the logarithm of zero is no number.
SMALLEST = 1e-6


def open_remote(
    keys: RemoteOptions, inputs: InputSpec, data: InputData | None, run: Path
) -> RemoteTeacher:
    """The service of ``keys``; what it answers is kept in its cache, or else below ``run``.

    Raises:
        RecipeError: the recipe does not say what the service is fed or what its version is.
        TeacherError: the address holds a credential.
    """
    if not keys.version:
        raise RecipeError(
            "teacher.remote.version: empty; name the service and its version, so that answers of "
            "another one are never mixed in"
        )
    exchange = Exchange(
        decode=_decoder(keys),
        credential=Credential(keys.credential) if keys.credential else None,
        timeout=keys.timeout,
        retry=Retry(keys.attempts, base=1.0, longest=60.0),
        pace=Pace(keys.rate),
        workers=keys.workers,
    )
    cache = Path(keys.cache).expanduser() if keys.cache else run / "answers"
    return RemoteTeacher(
        keys.url, inputs, version=keys.version, cache=cache, exchange=exchange, data=data
    )


def _decoder(keys: RemoteOptions) -> Decode:
    if not keys.scores:
        return receive_png
    receive = receive_scores([str(number) for number in range(keys.scores)], keys.field)

    def logarithms(content: bytes) -> Tensor:
        return receive(content).clamp_min(SMALLEST).log()

    return logarithms if keys.logarithm else receive
