import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gancompress.data.video import redraw_video
from gancompress.errors import DataError, MissingPackageError


def film(path: Path, times: list[int], size: tuple[int, int] = (32, 48)) -> Path:
    """Grey frames that get brighter, shown at ``times`` (1/100 s), with a second of sound."""
    av = pytest.importorskip("av", reason="av is not installed")
    with av.open(str(path), "w") as made:
        shown = made.add_stream("libx264", rate=25, options={"crf": "5"})
        shown.height, shown.width = size
        shown.pix_fmt, shown.codec_context.time_base = "yuv420p", Fraction(1, 100)
        heard = made.add_stream("aac", rate=8_000)
        for number, time in enumerate(times):
            pixels = np.full((*size, 3), 40 + 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 100)
            made.mux(shown.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8_000), np.float32), "fltp", "mono")
        silence.rate = 8_000
        made.mux(heard.encode(silence))
        made.mux(shown.encode())
        made.mux(heard.encode())
    return path


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    """Seconds and pixels of every frame."""
    import av

    with av.open(str(path)) as opened:
        return [(f.time, f.to_ndarray(format="rgb24")) for f in opened.decode(video=0)]


def test_frames_keep_their_times_sizes_and_colours(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", [0, 4, 8, 30])
    assert redraw_video(source, tmp_path / "out.mp4", lambda frame: frame) == 4
    before, after = frames(source), frames(tmp_path / "out.mp4")
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before])
    assert [pixels.shape for _, pixels in after] == [(32, 48, 3)] * 4
    off = [abs(a.astype(float) - b).mean() for (_, a), (_, b) in zip(after, before, strict=True)]
    assert max(off) < 4


def test_sound_is_copied_packet_by_packet(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", [0, 4])
    import av

    redraw_video(source, tmp_path / "out.mp4", lambda frame: frame)
    sound = []
    for path in (source, tmp_path / "out.mp4"):
        with av.open(str(path)) as opened:
            sound.append([bytes(packet) for packet in opened.demux(audio=0)])
    assert sound[0] == sound[1] and len(sound[0]) > 4


def test_an_odd_side_gets_one_more_pixel(tmp_path: Path) -> None:
    source = film(tmp_path / "in.mp4", [0, 4])
    redraw_video(source, tmp_path / "out.mp4", lambda frame: frame.resize((21, 33)))
    assert frames(tmp_path / "out.mp4")[0][1].shape == (34, 22, 3)


def test_a_film_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="av is not installed")
    (tmp_path / "in.mp4").write_bytes(b"no film" * 100)
    with pytest.raises(DataError, match=r"in\.mp4: not a readable film"):
        redraw_video(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda frame: frame)
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def test_an_error_midway_leaves_nothing(tmp_path: Path) -> None:
    def fail(frame: Image.Image) -> Image.Image:
        raise DataError("no")

    source = film(tmp_path / "in.mp4", [0, 4])
    with pytest.raises(DataError, match="no"):
        redraw_video(source, tmp_path / "out.mp4", fail)
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def test_the_missing_package_names_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingPackageError, match=r"gancompress\[video\]"):
        redraw_video(tmp_path / "in.mp4", tmp_path / "out.mp4", lambda frame: frame)
