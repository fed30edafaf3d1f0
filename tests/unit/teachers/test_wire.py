"""Samples and answers on the wire."""

import base64
import json

import pytest
import torch

from gancompress.errors import TeacherError
from gancompress.teachers.wire import receive_png, receive_scores, send_json, send_png, to_png

VOCABULARY = ["cat", "dog", "car"]


@pytest.mark.parametrize("channels", [1, 3])
def test_png_keeps_every_level(channels: int) -> None:
    image = (torch.arange(256.0) / 127.5 - 1).view(1, 16, 16).expand(channels, -1, -1)
    sent = send_png("image")({"image": image})
    assert sent.media_type == "image/png"
    assert torch.equal(receive_png(sent.content), image)


def test_request_of_one_sample_has_the_same_bytes_every_time() -> None:
    row = {"z": torch.ones(3), "image": torch.zeros(3, 4, 4)}
    encode = send_json(images=["image"])
    assert encode(row) == encode(dict(reversed(row.items())))


def test_json_holds_images_as_base64_png() -> None:
    image = torch.zeros(3, 4, 4)
    fields = json.loads(send_json(images=["image"])({"z": torch.ones(2), "image": image}).content)
    assert fields["z"] == [1.0, 1.0]
    assert base64.b64decode(fields["image"]) == to_png(image)


@pytest.mark.parametrize(
    "answer",
    [
        [0.5, 0.0, 0.25],
        {"car": 0.25, "cat": 0.5, "tree": 1},
        [{"label": "cat", "score": 0.5}, {"label": "car", "score": 0.25}],
        [{"description": "car", "confidence": 0.25}, {"description": "cat", "confidence": 0.5}],
    ],
    ids=["list", "mapping", "labels", "descriptions"],
)
def test_scores_are_read_in_every_form(answer: object) -> None:
    content = json.dumps({"responses": [{"tags": answer}]}).encode()
    scores = receive_scores(VOCABULARY, "responses.0.tags")(content)
    assert scores.tolist() == [0.5, 0.0, 0.25]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "no scores"),
        (b"[" * 100_000, "no scores"),
        (b'{"other": 1}', "no scores under 'tags'"),
        (b'{"tags": [1, 2]}', "2 scores for 3 tags"),
        (b'{"tags": [1, 2, NaN]}', "not finite"),
        (b'{"tags": "cat"}', "scores as str"),
        (b'{"tags": [{"label": "cat"}]}', "without a name or a score"),
    ],
)
def test_other_answers_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        receive_scores(VOCABULARY, "tags")(content)


@pytest.mark.parametrize("content", [b"", b"<html>", to_png(torch.zeros(3, 9, 9))[:-40]])
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(TeacherError, match="not an image"):
        receive_png(content)


def test_vector_cannot_be_sent_as_an_image() -> None:
    with pytest.raises(TeacherError, match=r"shape \(4,\)"):
        send_png("z")({"z": torch.zeros(4)})
