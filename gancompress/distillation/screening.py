"""Which answers of scores are learnt from, where a few tags dominate."""

import numpy as np
from numpy.typing import NDArray

from gancompress.data.live import Pairs
from gancompress.data.outputs import output_kind
from gancompress.errors import RecipeError

_AT_ONCE = 256


def screened(pairs: Pairs, most: int, seed: int) -> NDArray[np.int64]:
    """Numbers of the pairs to learn from: at most ``most`` whose highest score is the same tag.

    Args:
        pairs: of a teacher that answers scores (N, tags).
        most: of a tag, drawn at random; 0: all pairs.
        seed: of the draw.

    Raises:
        RecipeError: the answers are no scores.
    """
    numbers = np.asarray(pairs.train, dtype=np.int64)
    if not most:
        return numbers
    if output_kind(pairs.batch(numbers[:1])[1].shape) != "scores":
        raise RecipeError("distill.per_tag: the teacher answers no scores of tags; write 0")
    drawn = np.random.default_rng(seed).permutation(numbers)
    chunks = range(0, len(drawn), _AT_ONCE)
    outputs = (pairs.batch(drawn[start : start + _AT_ONCE])[1] for start in chunks)
    tags = np.concatenate([output.argmax(1).cpu().numpy() for output in outputs])
    kept = np.concatenate([drawn[tags == tag][:most] for tag in np.unique(tags)])
    return np.sort(kept)
