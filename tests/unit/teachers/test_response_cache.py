"""Answers on disk."""

from pathlib import Path

from gancompress.teachers.response_cache import ResponseCache, request_key


def test_what_was_put_is_got(tmp_path: Path) -> None:
    cache, key = ResponseCache(tmp_path), request_key("a")
    assert cache.get(key) is None
    cache.put(key, b"answer")
    assert ResponseCache(tmp_path).get(key) == b"answer"
    assert cache.get(request_key("b")) is None


def test_damaged_answer_is_none(tmp_path: Path) -> None:
    cache, key = ResponseCache(tmp_path), request_key("a")
    cache.put(key, b"answer")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes().replace(b"answer", b"answes"))
    assert cache.get(key) is None


def test_parts_of_a_request_do_not_run_together() -> None:
    assert request_key("ab", "c") != request_key("a", "bc")
    assert request_key("a", b"b") == request_key("a", "b")
