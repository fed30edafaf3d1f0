"""Whether two networks agree: what leaves the house equals what was searched."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from gancompress.batch import Batch, Input, batch_size, example_inputs
from gancompress.errors import DataError, ParityError
from gancompress.exporters.network import Network


@dataclass(frozen=True)
class Parity:
    """How far two networks are apart.

    Attributes:
        max_abs: largest absolute difference of two output values.
        max_rel: ``max_abs`` as a share of the range (largest minus smallest value) of the
            reference's outputs, so that 0…255 and [-1, 1] read alike.
        rms_rel: root of the mean squared difference, as a share of that range.
        samples: how many samples were compared.
    """

    max_abs: float
    max_rel: float
    rms_rel: float
    samples: int

    @property
    def psnr(self) -> float:
        """Peak signal-to-noise ratio in dB, the output range being the peak; infinite if equal."""
        return -20 * math.log10(self.rms_rel) if self.rms_rel else math.inf

    def __str__(self) -> str:
        if not self.samples:
            return "not run: its runtime is not of this system"
        return (
            f"{self.max_abs:.2e} at most ({self.max_rel:.2e} of the output range) "
            f"on {self.samples} samples"
        )


#: Of a file that no runtime on this system can run.
NOT_RUN = Parity(math.nan, math.nan, math.nan, 0)


def sample_batches(
    inputs: Mapping[str, Input], sizes: Sequence[int] = (1, 2, 5), seed: int = 0
) -> list[Batch]:
    """One batch of plausible inputs for each of the batch ``sizes``, all different."""
    return [example_inputs(inputs, size, seed + i) for i, size in enumerate(sizes)]


def measure_parity(
    reference: Network, candidate: Network, batches: Iterable[Batch], subject: str = "candidate"
) -> Parity:
    """Compare two networks on ``batches``.

    Raises:
        ParityError: where the outputs cannot be compared: the candidate refuses a batch, shapes
            differ, or values are not finite.
    """
    max_abs, low, high = 0.0, math.inf, -math.inf
    squares, values, samples = 0.0, 0, 0
    for batch in batches:
        where = f"{subject}, batch of {batch_size(batch)}"
        expected = reference(batch).cpu()
        try:
            got = candidate(batch).cpu()
        except DataError as error:
            raise ParityError(f"{where}: {error}") from error
        if expected.shape != got.shape:
            raise ParityError(
                f"{where}: gives shape {tuple(got.shape)}, the original {tuple(expected.shape)}"
            )
        for name, output in (("original", expected), (subject, got)):
            if not bool(torch.isfinite(output).all()):
                bad = int((~torch.isfinite(output)).sum())
                raise ParityError(
                    f"{where}: {bad} of {output.numel()} values of the {name} are not finite"
                )
        expected, got = expected.double(), got.double()
        difference = expected - got
        max_abs = max(max_abs, float(difference.abs().max()))
        squares, values = squares + float((difference**2).sum()), values + difference.numel()
        low, high = min(low, float(expected.min())), max(high, float(expected.max()))
        samples += batch_size(batch)
    if not samples:
        raise ValueError("no batches to compare on")
    # A reference of one value only has no range; then its magnitude is the scale.
    scale = (high - low) or abs(high) or 1.0
    return Parity(max_abs, max_abs / scale, math.sqrt(squares / values) / scale, samples)


def check_parity(
    reference: Network,
    candidate: Network,
    batches: Iterable[Batch],
    tolerance: float,
    subject: str = "candidate",
) -> Parity:
    """Compare two networks and refuse to go on where they differ.

    Args:
        reference: the original; called once a batch.
        candidate: what must agree with it.
        batches: the inputs of both.
        tolerance: largest ``max_rel`` (share of the reference's output range) that passes.
        subject: what the message calls the candidate.

    Raises:
        ParityError: with the differences measured.
    """
    batches = list(batches)
    parity = measure_parity(reference, candidate, batches, subject)
    if parity.max_rel <= tolerance:
        return parity
    message = f"{subject}: differs from the original by {parity}; at most {tolerance:.1e} passes"
    itself = measure_parity(reference, reference, batches, subject)
    if itself.max_rel > tolerance:
        message += (
            f". The original differs from itself by {itself.max_rel:.2e} between two calls: "
            "it draws random numbers; make them inputs, or switch the noise off"
        )
    raise ParityError(message)
