"""Layer by layer: the weights with which a subnet's layers come nearest to the teacher's.

Layers are visited in execution order. The inputs of each are the student's own, as its solved
layers give them; its targets are the teacher's outputs in the channels that the subnet keeps. So
what an earlier layer could not reach, a later one makes up for as far as it can (He et al. 2017,
"Channel pruning for accelerating very deep neural networks", sections 3.1 and 3.2; Luo et al. 2017,
"ThiNet"). A layer whose output goes into a sum meets what is left of the teacher's sum.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor, nn

from gancompress.batch import Batch, batch_size, rows
from gancompress.errors import DataError, TraceError
from gancompress.reconstruction.equations import Equations, Solution
from gancompress.reconstruction.kept import Kept, KeptElements, numbers
from gancompress.reconstruction.layer import Layer
from gancompress.reconstruction.modulated import Part, solve_modulated
from gancompress.reconstruction.modulation import modulated, spread
from gancompress.reconstruction.norms import before_norm, renew_statistics, statistics_of
from gancompress.reconstruction.options import MEMORY
from gancompress.reconstruction.parking import Parking
from gancompress.reconstruction.passes import StudentPass, TeacherPass
from gancompress.reconstruction.program import Program, Site, trace
from gancompress.reconstruction.sampling import columns_of_each, every_fourth, held_out, positions
from gancompress.supernet.supernet import Supernet


@dataclass(frozen=True)
class LayerFit:
    """What became of a layer.

    Attributes:
        name: of its weight.
        kind: convolution, transposed convolution, linear, embedding or norm.
        before, after: mean squared error at its output (or at the sum that it is part of) over the
            variance there, on inputs held out, of the weights as cut and as they are now.
        changed: False where the cut weights stayed because nothing was better.
        reason: why it could not be solved for at all; None where it could.
    """

    name: str
    kind: str
    before: float
    after: float
    changed: bool
    reason: str | None = None


Report = Callable[[LayerFit], None]


def reconstruct(
    supernet: Supernet,
    subnet: Sequence[int],
    batches: Iterable[Mapping[str, Tensor]],
    *,
    seed: int = 0,
    memory: float = MEMORY,
    report: Report | None = None,
) -> nn.Module:
    """``subnet`` as a plain module whose weights are solved for, so that it answers as the teacher.

    The teacher is the supernet's module at full width. No gradient is computed. Weights and biases
    of convolutions (of any kind) and linear layers, scales and shifts of norms, and running
    statistics are solved for by least squares; a layer is changed only where that lowers the error
    at its output on inputs held out.

    Args:
        supernet: not changed. Sort its channels first (:mod:`gancompress.supernet.importance`): a
            subnet keeps the leading ones.
        subnet: widths, from the supernet's space.
        batches: inputs by name, on the module's device; a few dozen images, or hundreds of latents.
            All of them are held in memory at once.
        seed: of the sampled positions, and of whatever the module draws at random.
        memory: bytes that the maps between layers may take, of all batches together; what is more
            waits in temporary files. One batch has to fit.
        report: is told of every layer as it is solved, and of every parameter that is left as cut.

    Returns:
        A module as :meth:`Supernet.extract` gives it.

    Raises:
        DataError: no batches.
        TraceError: the module calls other functions at other widths.
    """
    given = [dict(batch) for batch in batches]
    if not given:
        raise DataError("reconstruct: no batches; give at least one, such as {'z': latents}")
    student = supernet.extract(subnet)
    told = report or (lambda fit: None)
    with torch.no_grad():
        task = _Task.of(supernet, student, subnet, given, seed, memory)
        try:
            for index in range(len(task.program.sites)):
                told(task.solve(index))
        finally:
            task.close()
    for fit in left_out(student, task.program):
        told(fit)
    return student


def left_out(module: nn.Module, program: Program) -> list[LayerFit]:
    """The parameters of ``module`` that no layer of its program accounts for."""
    solved = {name for site in program.sites for name in site.weight.names}
    solved |= {site.bias.name for site in program.sites if site.bias is not None}
    why = (
        "is not the weight of a convolution, linear layer, norm or small embedding as functions "
        "get it"
    )
    return [
        LayerFit(name=name, kind="parameter", before=0.0, after=0.0, changed=False, reason=why)
        for name, _ in module.named_parameters()
        if name not in solved
    ]


def traced_alike(
    supernet: Supernet, student: nn.Module, subnet: Sequence[int], batch: Batch
) -> tuple[Program, Program]:
    """The programs of student and teacher, without the branches that the subnet drops.

    Raises:
        TraceError: they call different functions.
    """
    sample = rows(batch, slice(0, 1))
    skips = supernet.skips(subnet)
    ours, theirs = trace(student, sample, skips), trace(supernet.module, sample, skips)
    if ours.calls != theirs.calls or len(ours.sites) != len(theirs.sites):
        pairs = zip(ours.calls, theirs.calls, strict=False)
        first = next((f"{a} and {b}" for a, b in pairs if a != b), "where one ends")
        raise TraceError(
            f"reconstruct: the module does not call the same functions at other widths ({first}); "
            "leave what depends on a width out of its forward"
        )
    return ours, theirs


@dataclass
class _Task:
    """A reconstruction under way."""

    program: Program
    theirs: Program
    kept: list[Kept]
    students: list[StudentPass]
    teachers: list[TeacherPass]
    samples: list[int]
    seed: int
    parking: Parking
    shared: dict[tuple[object, ...], tuple[Equations, Tensor]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Samples of all batches."""
        return sum(self.samples)

    @property
    def first(self) -> list[int]:
        """Number of the first sample of each batch."""
        return list(accumulate(self.samples, initial=0))

    @staticmethod
    def of(
        supernet: Supernet,
        student: nn.Module,
        subnet: Sequence[int],
        batches: list[Batch],
        seed: int,
        memory: float,
    ) -> "_Task":
        ours, theirs = traced_alike(supernet, student, subnet, batches[0])
        elements = KeptElements(supernet, supernet.space.check(subnet), numbers(supernet.module))
        kept = [elements.of(a, b) for a, b in zip(ours.sites, theirs.sites, strict=True)]
        parking = Parking(memory, len(batches))
        numbered = list(enumerate(zip(batches, parking.lots, strict=True), seed))
        return _Task(
            program=ours,
            theirs=theirs,
            kept=kept,
            students=[StudentPass(student, ours, b, n, lot) for n, (b, lot) in numbered],
            teachers=[TeacherPass(supernet.module, ours, b, n, lot) for n, (b, lot) in numbered],
            samples=[batch_size(b) for b in batches],
            seed=seed,
            parking=parking,
        )

    def close(self) -> None:
        for student, teacher in zip(self.students, self.teachers, strict=True):
            student.close()
            teacher.close()
        self.parking.close()

    def solve(self, index: int) -> LayerFit:
        """Solve for the weights of one layer; all students stand before it afterwards."""
        site = self.program.sites[index]
        layers: list[Layer] = []
        renewed: Tensor | None = None
        if site.layer.statistics is not None:
            found = [statistics_of(layer) for layer in self._reached(index, layers)]
            renewed = renew_statistics(layers[0], found)
        parts, equations, start = [], Equations(), torch.empty(0)
        for number, layer in enumerate(self._reached(index, layers)):
            if number == 0:
                start = layer.matrix() if renewed is None else renewed
                equations, start = self._equations(site, start)
            part = self._part(index, number, layer)
            if site.modulated:
                parts.append(part)
            else:
                equations.add(part.columns(), part.targets, part.held)
        solution = solve_modulated(parts, start) if site.modulated else equations.solve(start)
        self._put(index, layers[0], start, solution)
        return LayerFit(
            name=site.weight.name,
            kind=site.layer.kind,
            before=solution.before,
            after=min(solution.before, solution.after),
            changed=solution.changed,
        )

    def _reached(self, index: int, layers: list[Layer]) -> Iterator[Layer]:
        """The layer in the pass of every batch, each while that is in memory; those in ``layers``
        have been reached."""
        for number, student in enumerate(self.students):
            with self.parking.at_hand(number):
                if number == len(layers):
                    layers.append(student.reach(index))
                yield layers[number]

    def _part(self, index: int, number: int, layer: Layer) -> Part:
        """The equations of one batch."""
        each = columns_of_each(layer, self.total)
        at = positions(layer, each, self.seed + index * 1000 + number).to(layer.source.device)
        targets = layer.targets(self._targets(index, number, layer, at))
        return Part(
            columns=partial(self._columns, number, layer, at),
            targets=targets,
            held=self._held_out(number, layer, targets.shape[2]).to(at.device),
            modulation=layer.modulation,
        )

    def _columns(self, number: int, layer: Layer, at: Tensor) -> Tensor:
        with self.parking.at_hand(number):
            return layer.columns(at)

    def _held_out(self, number: int, layer: Layer, columns: int) -> Tensor:
        """Which columns of a batch are held out."""
        samples = self.samples[number]
        if layer.samples != samples:
            return every_fourth(columns)
        return held_out(samples, self.first[number], columns // samples, self.total)

    def _equations(self, site: Site, start: Tensor) -> tuple[Equations, Tensor]:
        """Those of the layer; of a layer that is used several times, with those of its former uses
        and the weights that it began with."""
        key = site.weight.key
        if sum(other.weight.key == key for other in self.program.sites) == 1:
            return Equations(), start
        return self.shared.setdefault(key, (Equations(), start))

    def _targets(self, index: int, number: int, layer: Layer, at: Tensor) -> Tensor:
        """The teacher's outputs (channels, columns); of sums what is left of them."""
        site, kept = self.program.sites[index], self.kept[index]
        output = self.teachers[number].target(index)
        channels = kept.outputs.to(at.device)
        target = layer.sampled(output, at)
        if site.style is not None:
            style = self.teachers[number].style(site.style)
            factors = modulated(self.theirs.sites[index].layer, style).factors()
            target = target * spread(factors, target.shape[1])
        target = target[channels]
        for step in reversed(site.steps):
            if step.norm is not None:
                norm = self.teachers[number].norm(step.norm)
                target = before_norm(target, layer, norm, channels, at)
            if step.other is not None:
                other = self.students[number].other(index, step.other)
                target = target - step.other_factor * layer.sampled(other, at)
            target = target / step.factor
        return target

    def _put(self, index: int, layer: Layer, was: Tensor, solution: Solution) -> None:
        site = self.program.sites[index]
        weight, bias = layer.tensors(solution.matrix)
        if not site.weight.put(weight):
            weight, _ = layer.tensors(was)
        if site.bias is not None and bias is not None:
            site.bias.put(bias)
        for student in self.students:
            student.replace(weight, bias)
