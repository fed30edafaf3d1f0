"""Pairs in memory: what a store holds, for as many as fit there, without files."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from gancompress.batch import Batch, Input, InputSpec, concatenate, rows
from gancompress.data.encoding import decode_inputs, encode_inputs, encode_output
from gancompress.data.images import Indices
from gancompress.data.manifest import Plan
from gancompress.data.outputs import stored_form
from gancompress.data.pairs import Recordable
from gancompress.errors import DataError


class MemoryPairs:
    """Inputs of a generator and what was answered for them.

    Args:
        inputs: by name, (N, …) each, as the generator takes them.
        outputs: (N, C, H, W) images in [-1, 1], kept in 8 bits, or (N, K) scores.
        spec: what the inputs are.
        held_out: how many of the pairs, the last ones, are not for training.
        teacher: names what answered.

    Raises:
        DataError: numbers of samples differ, an input is missing, or values are not finite.
    """

    def __init__(
        self,
        inputs: Mapping[str, Tensor],
        outputs: Tensor,
        spec: Mapping[str, Input],
        *,
        held_out: int = 0,
        teacher: str = "memory",
    ) -> None:
        counts = {name: len(value) for name, value in {**inputs, "outputs": outputs}.items()}
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise DataError(f"pairs: different numbers of samples: {told}")
        self.plan = Plan(
            inputs=dict(spec),
            teacher=teacher,
            seed=0,
            count=len(outputs),
            held_out=held_out,
            shard_size=max(len(outputs), 1),
            output=stored_form(outputs.shape),
            latents="float32",
        )
        self._inputs = encode_inputs(self.plan.inputs, dict(inputs), self.plan.latents)
        self._outputs = encode_output(outputs, self.plan.output)

    def __len__(self) -> int:
        return self.plan.count

    @property
    def inputs(self) -> InputSpec:
        """The input specification."""
        return self.plan.inputs

    @property
    def train(self) -> range:
        """Indices for training."""
        return self.plan.training

    @property
    def held_out(self) -> range:
        """Indices that are kept away from training."""
        return self.plan.kept

    @property
    def fingerprint(self) -> str:
        """Changes with every value of the pairs."""
        digest = hashlib.sha256(self.plan.identity.encode())
        for _, value in sorted({**self._inputs, "": self._outputs}.items()):
            digest.update(value.contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def batch(self, indices: Indices) -> tuple[Batch, Tensor]:
        """The pairs at ``indices``: inputs as float32, outputs in the form a store gives them."""
        numbers = torch.as_tensor(indices, dtype=torch.int64)
        inputs = decode_inputs(self.plan.inputs, rows(self._inputs, numbers))
        return inputs, self._outputs[numbers]


def record_in_memory(teacher: Recordable, plan: Plan, *, batch_size: int) -> MemoryPairs:
    """What recording ``teacher`` by ``plan`` into a store would hold, value for value.

    Args:
        teacher: is asked once for each pair.
        plan: see :class:`gancompress.data.manifest.Plan`; the size of its shards does not matter.
        batch_size: pairs a call of the teacher.
    """
    inputs, outputs = [], []
    for start in range(0, plan.count, batch_size):
        indices = range(start, min(start + batch_size, plan.count))
        drawn = teacher.sample_inputs(indices, plan.seed)
        fed = decode_inputs(plan.inputs, encode_inputs(plan.inputs, drawn, plan.latents))
        inputs.append(fed)
        outputs.append(teacher(fed).cpu())
    return MemoryPairs(
        concatenate(inputs),
        torch.cat(outputs),
        plan.inputs,
        held_out=plan.held_out,
        teacher=plan.teacher,
    )
