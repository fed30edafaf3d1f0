"""The options of an export; the section ``export`` of a recipe is made of them."""

from dataclasses import dataclass
from typing import Literal

from gancompress.options import option


@dataclass(frozen=True)
class ExportOptions:
    """Handing the student over."""

    formats: tuple[
        Literal[
            "onnx", "onnx-fp16", "onnx-int8", "pt2", "openvino", "openvino-int8", "executorch",
            "coreml", "python",
        ],
        ...,
    ] = option(("onnx",), "what to write")  # fmt: skip
    dynamic_size: bool = option(False, "accept images of any height and width")
    tolerance: float = option(
        1e-4, "largest difference of exact formats, as a share of the output range", above=0
    )
    calibration: int = option(128, "inputs that the ranges of 8-bit integers are taken from", low=2)
    min_psnr: float = option(
        36.0,
        "8-bit formats: least PSNR to the student in dB; as few layers as will do stay in float; "
        "0: every layer in integers, whatever comes out",
        low=0,
    )
