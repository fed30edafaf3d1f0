"""Pairs of a teacher that is cheap to ask: answered whenever they are wanted, never stored."""

import hashlib

import torch
from torch import Tensor

from gancompress.batch import Batch, InputSpec
from gancompress.data.encoding import decode_inputs, encode_inputs, encode_output
from gancompress.data.images import Indices
from gancompress.data.manifest import Plan
from gancompress.data.memory import MemoryPairs
from gancompress.data.pairs import PairStore, Recordable


class LivePairs:
    """What :class:`~gancompress.data.pairs.PairStore` would hold, value for value, without a store.

    Args:
        teacher: is asked for every batch.
        plan: what a recording of it would follow.
    """

    def __init__(self, teacher: Recordable, plan: Plan) -> None:
        self.teacher = teacher
        self.plan = plan

    def __len__(self) -> int:
        return self.plan.count

    @property
    def inputs(self) -> InputSpec:
        """The teacher's input specification."""
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
        """Changes with the teacher, its inputs and the seed."""
        return hashlib.sha256(self.plan.identity.encode()).hexdigest()[:16]

    def batch(self, indices: Indices) -> tuple[Batch, Tensor]:
        """The pairs at ``indices``: inputs as float32, outputs in the form a store gives them."""
        numbers = torch.as_tensor(indices, dtype=torch.int64).tolist()
        drawn = self.teacher.sample_inputs(numbers, self.plan.seed)
        inputs = decode_inputs(
            self.plan.inputs, encode_inputs(self.plan.inputs, drawn, self.plan.latents)
        )
        return inputs, encode_output(self.teacher(inputs), self.plan.output)


# Where a distillation takes its pairs from.
Pairs = PairStore | LivePairs | MemoryPairs
