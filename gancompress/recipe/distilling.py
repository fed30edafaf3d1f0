"""What a user may write about training the supernet; with every default."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gancompress.recipe.keys import key


@dataclass(frozen=True)
class Term:
    """One loss term."""

    weight: float = key(1.0, "at the start")
    decay: Literal["constant", "linear", "cosine"] = key("constant", "how the weight goes down")
    until: float = key(1.0, "share of the training after which the decay has ended", 0, 1)
    final: float = key(0.0, "share of the weight that is left after the decay", low=0)
    every: int = key(1, "steps between two uses", low=1)
    taps: tuple[str, ...] = key(
        ("auto",),
        "feature terms: submodules as student=teacher (perceptual, style: of the network), or auto",
    )
    temperature: float = key(1.0, "kl: above 1, small scores count for more", low=0.01)
    network: str = key("", "perceptual, style: the extractor that the images are looked at with")


@dataclass(frozen=True)
class Opponent:
    """The discriminator of a distillation."""

    factory: str = key(
        "distylegan_discriminator", "built-in name, 'module:attr' or 'file.py:attr'; empty: none"
    )
    kwargs: dict[str, Any] = key({}, "arguments of the factory")
    told: str = key(
        "", "input that it sees beside the image (pix2pix: image; GauGAN: label_map); empty: none"
    )
    file: str = key("", "weights to start from: .safetensors or .pt, or a checkpoint of `teach`")
    widths: bool = key(False, "it is told how wide the subnet is")
    relativistic: bool = key(False, "judge images against each other, not by themselves")
    r1: float = key(0.0, "weight of the R1 penalty on the teacher's images", low=0)
    gradient_penalty: float = key(0.0, "weight of the Wasserstein gradient penalty", low=0)
    penalty_every: int = key(16, "steps between two penalties", low=1)


@dataclass(frozen=True)
class Distill:
    """Training the supernet."""

    online: bool = key(
        False,
        "the teacher of `teach` learns along with the student instead of before it (OMGD): in "
        "distill.steps, which teach.decay_from is a share of then; nothing is recorded",
    )
    steps: int = key(60_000, "updates; with online, of the teacher as well", low=1)
    batch_size: int = key(128, "pairs a step", low=2)
    learning_rate: float = key(2e-4, "Adam, student", low=0)
    discriminator_learning_rate: float = key(2e-4, "Adam, discriminator", low=0)
    betas: tuple[float, ...] = key((0.5, 0.999), "Adam")
    schedule: Literal["constant", "linear", "cosine"] = key(
        "constant", "how the learning rates go down, to nothing at the end"
    )
    ema: float = key(0.999, "decay of the student's moving average", low=0, high=1)
    clip: float = key(0.0, "largest gradient norm of the student; 0: no clipping", low=0)
    adversarial: Literal["hinge", "bce", "least_squares", "wasserstein"] = key(
        "hinge", "loss of the discriminator and of the adversarial terms"
    )
    real_weight: float = key(0.2, "real data's weight in the discriminator's loss", low=0)
    fresh: bool = key(
        False,
        "judge real images against the student's for new inputs, as published, at a third more "
        "time; false: against those for the inputs of the pairs",
    )
    subnets: Literal["sandwich", "uniform", "largest", "progressive", "front"] = key(
        "sandwich",
        "which subnets learn in a step: largest + smallest + random; random; largest; "
        "progressive, the sandwich with smaller and smaller subnets; or front, the sandwich with "
        "those that promise most for their cost in the place of random ones",
    )
    random_subnets: int = key(1, "random subnets a step", low=0)
    in_place: float = key(
        0.0, "share that smaller subnets learn from the largest one, not the teacher", 0, 1
    )
    accumulate: int = key(1, "parts that a batch is run in, to save memory", low=1)
    cache_gigabytes: float = key(
        0.0,
        "memory for what feature terms see of the frozen teacher, by pair; of the GPU where there "
        "is one, and in each process; 0: look anew in every step",
        low=0,
    )
    validate_every: int = key(
        1_000, "steps between two looks at held-out pairs; the best weights are kept; 0: never", 0
    )
    keep_every: int = key(0, "steps between two checkpoints that are kept; 0: none but the last", 0)
    validation_samples: int = key(256, "held-out pairs looked at", low=2)
    patience: int = key(
        0, "stop after so many looks without improvement, and use the best weights; 0: never", 0
    )
    fixed: str = key("", "train this one subnet only, e.g. '64_32_16'")
    terms: dict[str, Term] = key(
        {
            "discriminator_features": Term(),
            "l1": Term(weight=0.2, decay="linear"),
            "adversarial": Term(weight=0.01, every=10),
            # DiStyleGAN: λ2 = .01 and λ3 = .2 λ2.
            "adversarial_real": Term(weight=0.002, every=10),
        },
        "loss terms of the student by name (DiStyleGAN's by default)",
    )
    discriminator: Opponent = field(
        default_factory=Opponent, metadata={"doc": "the student's opponent"}
    )
