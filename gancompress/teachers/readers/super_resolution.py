"""Super-resolution: ESRGAN and Real-ESRGAN in their three layouts of names, SRVGGNetCompact."""

import math
import re

from torch import Tensor

from gancompress.teachers.family import Arguments, Shapes, Tensors, Undecided, count, renamed

# Names of ESRGAN's own releases, and those of BasicSR.
_ESRGAN = (
    (r"^RRDB_trunk\.(\d+)\.RDB(\d)\.", r"body.\1.rdb\2."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^upconv(\d+)\.", r"conv_up\1."),
    (r"^HRconv\.", "conv_hr."),
)


def convert_rrdb(tensors: Tensors) -> dict[str, Tensor]:
    """Tensors under BasicSR's names, from those, ESRGAN's, or the older ones by position."""
    if "model.0.weight" not in tensors:
        return renamed(tensors, *_ESRGAN)
    trunk = max(
        int(found[1])
        for name in tensors
        if (found := re.match(r"model\.1\.sub\.(\d+)\.weight$", name)) is not None
    )
    outer = sorted({int(n.split(".")[1]) for n in tensors if not n.startswith("model.1.")})
    *doublings, high, last = outer[1:]
    names = {0: "conv_first", high: "conv_hr", last: "conv_last"}
    names |= {place: f"conv_up{index}" for index, place in enumerate(doublings, 1)}
    return renamed(
        tensors,
        (rf"^model\.1\.sub\.{trunk}\.", "conv_body."),
        (r"^model\.1\.sub\.(\d+)\.RDB(\d)\.(conv\d)(\.0)?\.", r"body.\1.rdb\2.\3."),
        *((rf"^model\.{place}\.", f"{name}.") for place, name in names.items()),
    )


def read_rrdb(shapes: Shapes) -> Arguments:
    """ESRGAN's and Real-ESRGAN's generators."""
    first, last = shapes["conv_first.weight"], shapes["conv_last.weight"]
    # An image has 1, 3 or 4 channels; more are its pixels, rearranged.
    unshuffle = next(
        (side for side in (2, 4) if first[1] in (side**2, 3 * side**2) and first[1] != last[0]), 1
    )
    return {
        "channels": first[1] // unshuffle**2,
        "out_channels": last[0],
        "width": first[0],
        "growth": shapes["body.0.rdb1.conv1.weight"][0],
        "blocks": count(shapes, r"body\.\d+\.rdb1\.conv1\.weight"),
        "doublings": count(shapes, r"conv_up\d+\.weight"),
        "unshuffle": unshuffle,
    }


def read_srvgg(shapes: Shapes) -> Arguments:
    """SRVGGNetCompact; only PReLU has tensors."""
    first = shapes["body.0.weight"]
    places = [int(found[1]) for name in shapes if (found := re.match(r"body\.(\d+)\.", name))]
    other = Undecided(("relu", "leakyrelu"), "an SRVGGNetCompact without PReLU")
    return {
        "channels": first[1],
        "width": first[0],
        "convolutions": max(places) // 2 - 1,
        "scale": math.isqrt(shapes[f"body.{max(places)}.weight"][0] // first[1]),
        "activation": "prelu" if "body.1.weight" in shapes else other,
    }
