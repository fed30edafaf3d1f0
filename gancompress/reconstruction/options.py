"""The options of solving for weights; the section ``reconstruct`` of a recipe is made of them."""

from dataclasses import dataclass
from typing import Literal

from gancompress.options import option

# Bytes.
MEMORY = 4e9
MEMORY_HELP = (
    "memory that the maps between layers may take where weights are solved for layer by layer; "
    "what is more waits in temporary files, and the weights are the same"
)


@dataclass(frozen=True)
class ReconstructOptions:
    """Solving for the weights of subnets by least squares instead of training them."""

    samples: int = option(
        0,
        "pairs whose inputs weights are solved on: 48 images, or 512 latents; 0: no weights are "
        "solved for. Without a section distill no supernet is trained then",
        low=0,
    )
    order: Literal["taylor", "greedy"] = option(
        "taylor",
        "which channels of the teacher come first: those without which the output would change "
        "most, or those that leave least of the next layers unexplained, one by one",
    )
    finalists: int = option(
        3,
        "best subnets of the search whose weights are solved layer by layer; the one that comes "
        "nearest to the teacher is the student",
        low=1,
        high=100,
    )
    memory_gigabytes: float = option(MEMORY / 1e9, MEMORY_HELP, low=0.0)
