"""The order of a supernet's channels, before it is trained."""

from collections.abc import Iterable

from gancompress.batch import Batch
from gancompress.data.live import Pairs
from gancompress.errors import DataError
from gancompress.options import check_seed
from gancompress.reconstruction import gather
from gancompress.reconstruction.selection import selection_scores
from gancompress.supernet import Supernet, importance

# Enough for the order of channels, and as many as fit into memory at once.
SAMPLES = 64
AT_ONCE = 4


def sort_channels(
    supernet: Supernet,
    batches: Iterable[Batch] | None = None,
    *,
    greedy: bool = False,
    seed: int = 0,
) -> None:
    """Put the channels that matter most first, where narrow subnets keep them.

    The function of the largest subnet stays as it is. Done once before the training of a supernet
    that begins with a teacher's weights, it gives narrow subnets a far better start.

    Args:
        supernet: is changed in place.
        batches: inputs by name, on the supernet's device; 100 samples or so: channels are then
            ordered by how much the output would change without them (Molchanov et al. 2019, to
            first order). None: by the size of their weights.
        greedy: with ``batches``, take channels one by one instead, each time the one that leaves
            least of the layers that read it unexplained
            (:mod:`gancompress.reconstruction.selection`); groups that no plain layer reads keep
            their order.
        seed: of the random directions of the output.

    Raises:
        OptionError: the seed is out of its range.
        DataError: there is no batch.
    """
    check_seed(seed, "gc.sort_channels: seed")
    if greedy and batches is None:
        raise DataError("gc.sort_channels: greedy: goes by inputs; give batches")
    batches = None if batches is None else list(batches)
    if batches is None:
        scores = importance.weight_scores(supernet)
    elif not batches:
        raise DataError("gc.sort_channels: batches: none; give some, or None to go by the weights")
    elif greedy:
        scores = selection_scores(gather(supernet, batches, seed=seed))
    else:
        scores = importance.taylor_scores(supernet, batches, seed=seed)
    importance.sort_channels(supernet, scores)


def sort_for_training(supernet: Supernet, pairs: Pairs, *, seed: int) -> None:
    """:func:`sort_channels` by the inputs of the first pairs to learn from."""
    count = min(SAMPLES, len(pairs.train))
    starts = range(0, count, AT_ONCE)
    batches = [pairs.batch(pairs.train[s : min(s + AT_ONCE, SAMPLES)])[0] for s in starts]
    sort_channels(supernet, batches, seed=seed)
