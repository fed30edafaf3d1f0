"""A loss term as one object: how it is computed, what it needs, what it checks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import Tensor

from gancompress.batch import InputSpec
from gancompress.data.outputs import OutputKind
from gancompress.distillation.options import TermOptions
from gancompress.training.options import AdversarialLoss

Maps = Sequence[Tensor]

Need = Literal[
    "taps",
    "adapters",
    "adapted_maps",
    "feature_network",
    "discriminator",
    "perturbed_latents",
    "real_images",
]


@dataclass(frozen=True, kw_only=True)
class FeatureMaps:
    """The feature maps that one term compares, shallow to deep.

    Attributes:
        student, teacher: of the same samples.
        student_perturbed, teacher_perturbed: of the same samples with perturbed latents.
        weights, biases: of the adapters, 1×1 convolutions on the student's side.
    """

    student: Maps
    teacher: Maps
    student_perturbed: Maps = ()
    teacher_perturbed: Maps = ()
    weights: Sequence[Tensor] = ()
    biases: Sequence[Tensor] = ()


class DiscriminatorOutput(NamedTuple):
    """What a discriminator gives for some images: logits, and maps from shallow to deep."""

    logits: Tensor
    maps: Maps


@dataclass(frozen=True, kw_only=True)
class DiscriminatorReference:
    """What the student's images are compared with, all without gradient.

    Attributes:
        maps: the discriminator's maps of the teacher's images.
        logits, real_logits: of the teacher's images and of real ones, for a relativistic loss only.
    """

    maps: Maps
    logits: Tensor | None = None
    real_logits: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class DiscriminatorInputs:
    """What a term on the discriminator's outputs may compare.

    Attributes:
        loss: of the discriminator, a key of :data:`gancompress.training.losses.ADVERSARIAL`.
        student: its output for the student's images.
        teacher: what they are compared with.
        unpaired_logits: of the student's images that are compared with real ones.
    """

    loss: AdversarialLoss
    student: DiscriminatorOutput
    teacher: DiscriminatorReference
    unpaired_logits: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class LossInputs:
    """All that a loss term may compare, for one subnet and one microbatch.

    Attributes:
        student: output of the subnet, (N, …).
        teacher: output of the teacher for the same inputs.
        largest: output of the largest subnet, for a smaller one to learn from; without gradient.
        in_place: share of an output or score term that compares with ``largest``, in [0, 1].
        options: of the term.
        discriminator: where a term needs it.
        maps: of the term, where it compares feature maps.
    """

    student: Tensor
    teacher: Tensor
    largest: Tensor | None = None
    in_place: float = 0.0
    options: TermOptions = field(default_factory=TermOptions)
    discriminator: DiscriminatorInputs | None = None
    maps: FeatureMaps | None = None


def no_problem(inputs: InputSpec) -> str:
    """The check of a term that works with any inputs."""
    return ""


@dataclass(frozen=True, kw_only=True)
class LossTerm:
    """One term of a student's loss.

    Attributes:
        name: in recipes, logs and checkpoints; without dots.
        loss: the value of the term, a scalar, not weighted: a mean over samples, smallest where
            student and teacher agree.
        needs: what the training has to provide. ``taps``: feature maps inside both generators;
            ``adapters``: 1×1 convolutions for them; ``adapted_maps``: the student's maps come
            through such convolutions; ``feature_network``: feature maps of both outputs;
            ``discriminator``: its outputs; ``perturbed_latents``: feature maps for perturbed
            latents as well; ``real_images``: without them the term is left out.
        adversarial: its value depends on a discriminator that learns as well, so that it says
            little about how good a subnet is.
        distance: ``distance(student, teacher)`` by which held-out outputs are compared where this
            is a recipe's term, in place of L1.
        check: takes the input specification; says what is wrong with it, or nothing.
        outputs: kinds of outputs that it can compare; none: all.
    """

    name: str
    loss: Callable[[LossInputs], Tensor]
    needs: frozenset[Need] = frozenset()
    adversarial: bool = False
    distance: Callable[[Tensor, Tensor], Tensor] | None = None
    check: Callable[[InputSpec], str] = no_problem
    outputs: frozenset[OutputKind] = frozenset()

    def __call__(self, inputs: LossInputs) -> Tensor:
        """The value of the term."""
        return self.loss(inputs)


def output_term(
    name: str, function: Callable[[Tensor, Tensor], Tensor], *outputs: OutputKind
) -> LossTerm:
    """A term that compares the two outputs: ``function(student, teacher)``; ``outputs``: which."""
    return LossTerm(
        name=name, loss=lambda x: toward_teacher(function, x), outputs=frozenset(outputs)
    )


def map_term(
    name: str,
    function: Callable[[FeatureMaps], Tensor],
    *needs: Need,
    check: Callable[[InputSpec], str] = no_problem,
) -> LossTerm:
    """A term that compares feature maps; ``needs`` says which."""

    def loss(inputs: LossInputs) -> Tensor:
        assert inputs.maps is not None
        return function(inputs.maps)

    outputs = frozenset[OutputKind](["image"] if "feature_network" in needs else [])
    return LossTerm(name=name, loss=loss, needs=frozenset(needs), check=check, outputs=outputs)


def discriminator_term(
    name: str,
    function: Callable[[DiscriminatorInputs], Tensor],
    *needs: Need,
    adversarial: bool = True,
) -> LossTerm:
    """A term on what the discriminator makes of the images; ``needs`` says what else."""

    def loss(inputs: LossInputs) -> Tensor:
        assert inputs.discriminator is not None
        return function(inputs.discriminator)

    given = frozenset[Need](["discriminator", *needs])
    return LossTerm(name=name, loss=loss, needs=given, adversarial=adversarial)


def toward_teacher(
    function: Callable[[Tensor, Tensor], Tensor],
    inputs: LossInputs,
    as_teacher: Callable[[Tensor], Tensor] = lambda output: output,
) -> Tensor:
    """``function`` of student and teacher, in part of student and largest subnet.

    Args:
        function: takes the student's and the teacher's output.
        inputs: with the share that is the largest subnet's.
        as_teacher: brings an output of the largest subnet to the form of the teacher's.
    """
    student, share = inputs.student, inputs.in_place
    if inputs.largest is None or share == 0:
        return function(student, inputs.teacher)
    from_largest = share * function(student, as_teacher(inputs.largest))
    if share == 1:
        return from_largest
    return (1 - share) * function(student, inputs.teacher) + from_largest
