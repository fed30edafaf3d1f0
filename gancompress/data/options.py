"""The options of recording a teacher; the section ``collect`` of a recipe is made of them."""

from dataclasses import dataclass

from gancompress.options import option


@dataclass(frozen=True)
class CollectOptions:
    """Recording inputs and outputs of the teacher."""

    count: int = option(50_000, "pairs to distil from", low=2)
    held_out: int = option(2_000, "further pairs, for the search to score subnets on", low=2)
    class_shares: tuple[float, ...] = option(
        (), "how often each class is drawn; empty: all alike", low=0
    )
    shard: int = option(1_000, "pairs a file", low=1)
    batch_size: int = option(64, "pairs a call of the teacher", low=1)
    half: bool = option(
        True,
        "store latents in half precision; the teacher is fed the rounded ones, pairs are exact",
    )
    store: bool = option(True, "record to disk; false: ask the (cheap) teacher anew in every step")
