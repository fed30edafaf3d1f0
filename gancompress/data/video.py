"""Films: made of pictures, or of another film, of which each frame is drawn anew."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gancompress.atomic import replacing
from gancompress.data.decode import MOST_PIXELS
from gancompress.errors import DataError, MissingPackageError
from gancompress.progress import progress_bar

# By the end of the file's name, so that no file chooses what reads it: FFmpeg's readers of play
# lists would open the files and addresses that one names.
READERS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "matroska", ".mkv": "matroska",
    ".avi": "avi", ".gif": "gif",
}  # fmt: skip

# What H.264 loses at this quality is hardly seen.
_QUALITY = "18"

# The matrix between RGB and what is stored (ITU-R BT.601), written into the file.
_SMPTE170M = 6

Redraw = Callable[[Image.Image], Image.Image]


def redraw_video(source: Path, target: Path, redraw: Redraw) -> int:
    """Write a film of what ``redraw`` makes of every frame of another, with its times and sound.

    One frame is held at a time. The sound is copied where MP4 can hold it as it is.

    Args:
        source: ends in one of :data:`READERS`.
        target: of the new film, H.264 in MP4; appears when all frames are written.
        redraw: an RGB frame to a picture, of one size for all frames. An odd side gets one more
            row or column of pixels, as H.264 takes even ones only.

    Returns:
        The number of frames.

    Raises:
        DataError: the file is no film that can be read.
        MissingPackageError: the ``video`` extra is not installed.
    """
    av = _av()
    try:
        with (
            av.open(str(source), format=READERS[source.suffix.lower()]) as film,
            replacing(target) as temporary,
            av.open(str(temporary), "w", "mp4") as made,
        ):
            return _redrawn(film, made, redraw, source)
    except av.error.FFmpegError as error:
        raise DataError(f"{source}: not a readable film ({error})") from error


def write_video(pictures: Sequence[Image.Image], target: Path, rate: Fraction) -> None:
    """Write pictures of one size as a film without sound, H.264 in MP4; an odd side as above.

    Args:
        pictures: its frames.
        target: of the film, written in place.
        rate: frames a second.

    Raises:
        MissingPackageError: the ``video`` extra is not installed.
    """
    with _av().open(str(target), "w", "mp4") as made:
        stream = _encoder(made, rate, pictures[0])
        for number, picture in enumerate(pictures):
            frame = _frame(picture)
            frame.pts, frame.time_base = number, 1 / rate
            made.mux(stream.encode(frame))
        made.mux(stream.encode())


def _av() -> Any:
    try:
        import av
        import av.error
    except ImportError:
        raise MissingPackageError('films: pip install "gancompress[video]"') from None
    return av


def _redrawn(film: Any, made: Any, redraw: Redraw, source: Path) -> int:
    if not film.streams.video:
        raise DataError(f"{source}: holds no pictures")
    shown = film.streams.video[0]
    if shown.width * shown.height > MOST_PIXELS:
        raise DataError(f"{source}: frames of {shown.width}×{shown.height} are too large")
    heard = [s for s in film.streams.audio if s.codec_context.name in made.supported_codecs][:1]
    copied = [made.add_stream_from_template(stream) for stream in heard]
    stream, waiting, count = None, list[Any](), 0
    with progress_bar(total=shown.frames or None, desc="apply") as bar:
        for packet in film.demux([shown, *heard]):
            if packet.stream is not shown:
                waiting.append(packet)
                continue
            for frame in packet.decode():
                picture = redraw(_upright(frame))
                stream = stream or _added(made, shown, picture)
                made.mux(stream.encode(_encodable(picture, frame)))
                count += 1
                bar.update()
            # Nothing can be written before the size of the pictures is known.
            if stream is not None:
                _copy(waiting, copied, made)
    if stream is None:
        raise DataError(f"{source}: holds no pictures")
    _copy(waiting, copied, made)
    made.mux(stream.encode())
    return count


def _upright(frame: Any) -> Image.Image:
    """A frame as it is to be seen: telephones store it as the sensor lies."""
    pixels = frame.to_ndarray(format="rgb24")
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)))


def _added(made: Any, shown: Any, first: Image.Image) -> Any:
    """The stream of the new film, for pictures such as the ``first``."""
    stream = _encoder(made, shown.average_rate or Fraction(25), first)
    stream.codec_context.time_base = shown.time_base
    return stream


def _encoder(made: Any, rate: Fraction, first: Image.Image) -> Any:
    stream = made.add_stream("libx264", rate=rate, options={"crf": _QUALITY})
    stream.width, stream.height = (side + side % 2 for side in first.size)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.colorspace = _SMPTE170M
    return stream


def _encodable(picture: Image.Image, original: Any) -> Any:
    """A picture as the frame that is shown when the ``original`` was."""
    frame = _frame(picture)
    frame.pts, frame.time_base = original.pts, original.time_base
    return frame


def _frame(picture: Image.Image) -> Any:
    """A picture with even sides, as it is encoded."""
    pixels = np.asarray(picture.convert("RGB"))
    down, right = (side % 2 for side in pixels.shape[:2])
    padded = np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge")
    return _av().VideoFrame.from_ndarray(padded, format="rgb24")


def _copy(waiting: list[Any], copied: list[Any], made: Any) -> None:
    """Write the packets of sound that wait, and forget them."""
    for packet in waiting:
        # What ends a stream has no time and holds nothing.
        if packet.dts is not None:
            (packet.stream,) = copied
            made.mux(packet)
    waiting.clear()
