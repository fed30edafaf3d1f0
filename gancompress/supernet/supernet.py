"""Any module as a weight-sharing supernet: every width of its channel groups in one network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from gancompress.errors import ParityError, SubnetError
from gancompress.supernet.attributes import patched
from gancompress.supernet.axes import ChannelGroup, Ids
from gancompress.supernet.branches import dropped
from gancompress.supernet.cost import CostModel
from gancompress.supernet.depth import with_branches, within_branches
from gancompress.supernet.describe import describe
from gancompress.supernet.dry_run import DryRun
from gancompress.supernet.examples import as_inputs, check_module
from gancompress.supernet.extract import cut_module, drop_parameters
from gancompress.supernet.graph import DependencyGraph
from gancompress.supernet.offer import build_space
from gancompress.supernet.skip import is_within, put_skips
from gancompress.supernet.slicing import Cut, cut_all, plan, write_back
from gancompress.supernet.space import SearchSpace, Subnet
from gancompress.supernet.subnets import attribute_values
from gancompress.supernet.substitute import call_with, named_tensors, substituted
from gancompress.supernet.trace import Rule
from gancompress.supernet.verify import verified

Cuts = dict[str, tuple[Cut | None, ...]]


class Supernet(nn.Module):
    """``module`` with elastic widths, on the module's own weights.

    ``supernet(*inputs, subnet=s)`` runs the module with every tensor cut to the widths of ``s``;
    without a subnet, or at full width, it is the module itself, bit for bit. Training the supernet
    trains the module.

    Attributes:
        module: what was given.
        groups: all channel groups, elastic and pinned.
        space: the widths that may be chosen.
        cost_model: what each choice costs, for one sample.
        graph: where the channels of each group are in the module's tensors.
    """

    module: nn.Module
    groups: tuple[ChannelGroup, ...]
    space: SearchSpace
    cost_model: CostModel
    graph: DependencyGraph

    def __init__(
        self,
        module: nn.Module,
        example_inputs: Any,
        *,
        divisor: int = 8,
        minimum: int = 8,
        ratios: Sequence[float] | None = None,
        widths: Mapping[str, Sequence[int]] | None = None,
        ties: Sequence[str] = (),
        depth: bool = False,
        trials: int = 3,
        rules: Mapping[str, Rule | str] | None = None,
    ) -> None:
        """Find out what of ``module`` is elastic. Takes a run or two on shapes, no data.

        Args:
            module: any module; it is not changed.
            example_inputs: a tensor, a tuple of positional or a mapping of keyword inputs, such as
                the module is run with; first dimensions are samples.
            divisor: widths are multiples of it (and of the group's unit), or the full width.
            minimum: the narrowest width.
            ratios: fractions of full width to offer instead of every multiple, in (0, 1].
            widths: explicit widths by group name pattern (``model.1*``); the first match counts.
            ties: name patterns; the groups that match one share one width.
            depth: offer to drop residual branches ``x + f(x)``: each is a group ``branch:…`` whose
                width is 1, or 0 where it is dropped. ``widths={"branch:…": [1]}`` keeps one.
            rules: what operators of your own (or others without a rule) do to channels, see
                :func:`gancompress.supernet.rules.finder`.
            trials: random subnets that are run to check the conversion, besides the smallest.

        Raises:
            TraceError: the forward pass fails with the example inputs.
            SubnetError: ``widths`` or ``ties`` do not fit the groups found.
        """
        super().__init__()
        check_module(module)
        if trials < 0:
            raise SubnetError(f"trials: {trials} must be 0 or more")
        self.module = module
        args, kwargs = as_inputs(example_inputs)
        dry_run = DryRun(module, args, kwargs, rules)
        graph = verified(dry_run, trials, seed=0)
        self.graph = with_branches(dry_run, graph) if depth else graph
        self.groups = self.graph.groups
        self.space = build_space(
            self.groups,
            divisor=divisor,
            minimum=minimum,
            ratios=ratios,
            widths=widths or {},
            ties=ties,
            links=self.graph.links,
        )
        self.space = replace(self.space, within=within_branches(self.graph, self.space))
        parameters = dict(module.named_parameters())
        tensors = {n: (t, n in parameters) for n, t in named_tensors(module).items()}
        self.cost_model = CostModel(self.graph, self.space, tensors)
        self._written = {*self.graph.written, *dict(module.named_buffers())}
        self._example = (args, kwargs)
        self._plans: dict[Subnet, tuple[Cuts, dict[tuple[str, str], Any]]] = {}

    def forward(self, *inputs: Any, subnet: Sequence[int] | None = None, **named: Any) -> Any:
        """Run the module at the widths of ``subnet`` (default: full width)."""
        if subnet is None:
            return self.module(*inputs, **named)
        cuts, attributes = self._plan(subnet)
        if not cuts and not attributes:
            return self.module(*inputs, **named)
        tensors = named_tensors(self.module)
        parts = cut_all(tensors, cuts)
        with patched(dict(self.module.named_modules()), attributes):
            result = call_with(self.module, parts, inputs, named)
        write_back({n: tensors[n] for n in self._written if n in cuts}, parts, cuts)
        return result

    def extract(self, subnet: Sequence[int], *, drop_unused: bool = False) -> nn.Module:
        """A plain module of the same class that is the subnet, independent of the supernet.

        Args:
            subnet: one width for every group of the space.
            drop_unused: leave out (as None) the parameters that no forward pass uses.

        Raises:
            ParityError: its outputs differ from the supernet's by more than 1e-5 of their range.
        """
        cuts, attributes = self._plan(subnet)
        skips = self.skips(subnet)
        fixed = {key: value for key, value in attributes.items() if key[0] not in skips}
        small = cut_module(self.module, cuts, fixed)
        put_skips(small, skips)
        if drop_unused:
            drop_parameters(small, self.graph.unused)
        self._check_parity(small, subnet)
        return small

    def skips(self, subnet: Sequence[int]) -> dict[str, bool]:
        """Paths of the modules that ``subnet`` does without: whether zeros take the place of their
        result, or else their input."""
        return dropped(self.graph.branches, self._widths(subnet).tolist())

    def describe(self) -> str:
        """A table of the channel groups (what is elastic, what is pinned and why) and the costs."""
        return describe(
            self.groups,
            self.space,
            self.cost_model,
            dict(self.module.named_parameters()),
            self.graph,
        )

    def _plan(self, subnet: Sequence[int]) -> tuple[Cuts, dict[tuple[str, str], Any]]:
        chosen = self.space.check(subnet)
        if chosen not in self._plans:
            if len(self._plans) >= 256:
                self._plans.pop(next(iter(self._plans)))
            widths, skips = self._widths(chosen), self.skips(chosen)
            cuts = plan(
                {n: a for n, a in self.graph.axes.items() if not is_within(n, skips)}, widths
            )
            self._plans[chosen] = cuts, attribute_values(self.graph, widths)
        return self._plans[chosen]

    def _widths(self, subnet: Sequence[int]) -> Ids:
        """The widths of all groups, elastic or not."""
        chosen = self.space.check(subnet)
        return self.space.widths(self.groups, np.asarray(chosen, dtype=np.int64))

    def _check_parity(self, small: nn.Module, subnet: Sequence[int]) -> None:
        """Compare the extracted module with the supernet on the example inputs, in evaluation."""
        tensors = named_tensors(self.module).values()
        device = next((t.device for t in tensors), torch.device("cpu"))
        args, kwargs = tree_map_only(Tensor, lambda t: t.to(device), self._example)
        modes = {m: m.training for net in (self.module, small) for m in net.modules()}
        cuda = [device] if device.type == "cuda" else []
        try:
            self.module.eval()
            small.eval()
            with torch.no_grad(), torch.random.fork_rng(devices=cuda):
                torch.manual_seed(0)
                expected = self(*args, subnet=subnet, **kwargs)
                torch.manual_seed(0)
                actual = self._run_alone(small, args, kwargs, expected)
        finally:
            for m, training in modes.items():
                m.training = training
        _compare(expected, actual, self.space.check(subnet))

    def _run_alone(self, small: nn.Module, args: Any, kwargs: Any, expected: Any) -> Any:
        """Run an extracted module while the original holds nothing that is worth reading."""
        own = {n: t for n, t in named_tensors(self.module).items() if t.is_floating_point()}
        nothing = {n: t.new_full((), torch.nan).expand(t.shape) for n, t in own.items()}
        try:
            with substituted(self.module, nothing):
                actual = small(*args, **kwargs)
        except Exception:
            actual = None
        leaves, wanted = tree_leaves(actual), tree_leaves(expected)
        if len(leaves) == len(wanted) and not any(
            isinstance(a, Tensor) and bool(a.isnan().any()) and not bool(b.isnan().any())
            for a, b in zip(leaves, wanted, strict=True)
        ):
            return actual
        small(*args, **kwargs)
        raise ParityError(
            "the extracted module reads tensors of the original; its forward must find layers "
            "through self, not through a global variable or an object that is not copied with it"
        )


def _compare(expected: Any, actual: Any, subnet: Subnet) -> None:
    pairs = zip(tree_leaves(expected), tree_leaves(actual), strict=True)
    for index, (a, b) in enumerate(pairs):
        if not isinstance(a, Tensor) or torch.equal(a.nan_to_num(), b.nan_to_num()):
            continue
        if a.shape != b.shape:
            raise ParityError(
                f"subnet {subnet}: output {index} of the extracted module is {tuple(b.shape)}, "
                f"of the supernet {tuple(a.shape)}"
            )
        scale = float(a.abs().max()) if a.numel() else 0.0
        worst = float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
        if not worst <= 1e-5 * max(scale, 1e-6):
            raise ParityError(
                f"subnet {subnet}: output {index} of the extracted module differs from the "
                f"supernet's by {worst:.3g} (largest value {scale:.3g}); the module's forward "
                "depends on something that is not in its tensors or attributes"
            )
