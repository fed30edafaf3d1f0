"""The options of a distillation; the section ``distill`` of a recipe is made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from gancompress.options import option, section
from gancompress.training.options import AdversarialLoss, Schedule

Decay = Literal["constant", "linear", "cosine"]
SubnetRule = Literal["sandwich", "uniform", "largest", "progressive", "front"]


@dataclass(frozen=True)
class TermOptions:
    """One loss term."""

    weight: float = option(1.0, "at the start", low=0)
    decay: Decay = option("constant", "how the weight goes down")
    until: float = option(1.0, "share of the training after which the decay has ended", 0, 1)
    final: float = option(0.0, "share of the weight that is left after the decay", low=0)
    every: int = option(1, "steps between two uses", low=1)
    taps: tuple[str, ...] = option(
        ("auto",),
        "feature terms: submodules as student=teacher (perceptual, style: of the network), or auto",
    )
    temperature: float = option(1.0, "kl: above 1, small scores count for more", low=0.01)
    network: str = option("", "perceptual, style: the extractor whose feature maps are compared")


@dataclass(frozen=True)
class DiscriminatorOptions:
    """The discriminator of a distillation."""

    factory: str = option(
        "distylegan_discriminator", "built-in name, 'module:attr' or 'file.py:attr'; empty: none"
    )
    kwargs: dict[str, Any] = option({}, "arguments of the factory")
    condition: str = option(
        "",
        "input that it is given beside the image (pix2pix: image; GauGAN: label_map); empty: none",
        formerly="told",
    )
    file: str = option("", "weights to start from: .safetensors or .pt, or a checkpoint of `teach`")
    widths: bool = option(False, "condition it on the widths of the subnet")
    relativistic: bool = option(False, "compare images with each other (relativistic average loss)")
    r1: float = option(0.0, "weight of the R1 penalty on the teacher's images", low=0)
    gradient_penalty: float = option(0.0, "weight of the Wasserstein gradient penalty", low=0)
    penalty_every: int = option(16, "steps between two penalties", low=1)


@dataclass(frozen=True)
class DistillOptions:
    """Training the supernet."""

    online: bool = option(
        False,
        "train the teacher of `teach` in the same steps as the student, not before it (OMGD); "
        "teach.decay_from is then a share of distill.steps; nothing is recorded",
    )
    steps: int = option(
        60_000, "updates; with online, of the teacher as well; 0: none, see reconstruct", low=0
    )
    batch_size: int = option(128, "pairs a step", low=2, high=1_000_000)
    learning_rate: float = option(2e-4, "Adam, student", low=0)
    discriminator_learning_rate: float = option(2e-4, "Adam, discriminator", low=0)
    betas: tuple[float, ...] = option((0.5, 0.999), "Adam", low=0, below=1)
    schedule: Schedule = option("constant", "how the learning rates go down, to zero at the end")
    ema: float = option(0.999, "decay of the student's moving average", low=0, below=1)
    clip: float = option(0.0, "largest gradient norm of the student; 0: no clipping", low=0)
    adversarial: AdversarialLoss = option(
        "hinge", "loss of the discriminator and of the adversarial terms"
    )
    real_weight: float = option(0.2, "weight of real images in the discriminator's loss", low=0)
    unpaired: bool = option(
        False,
        "compare real images with the student's for new inputs, as published, at a third more "
        "time; false: with those for the inputs of the pairs",
        formerly="fresh",
    )
    subnets: SubnetRule = option(
        "sandwich",
        "which subnets are trained in a step: largest + smallest + random; random; largest; "
        "progressive, the sandwich with smaller and smaller subnets; or front, the sandwich with "
        "subnets of small predicted loss for their cost in the place of random ones",
    )
    random_subnets: int = option(1, "random subnets a step", low=0, high=1_000)
    in_place: float = option(
        0.0, "share of the loss of smaller subnets that compares with the largest, not the teacher",
        0,
        1,
    )  # fmt: skip
    per_tag: int = option(
        0,
        "learn from at most so many answers whose highest score is the same tag, where a few tags "
        "dominate; 0: from all",
        low=0,
    )
    accumulate: int = option(1, "microbatches that a batch is run in, to save memory", low=1)
    cache_gigabytes: float = option(
        0.0,
        "memory for the frozen teacher's feature maps, by pair; of the GPU where there is one, and "
        "in each process; 0: compute them in every step",
        low=0,
    )
    validate_every: int = option(
        1_000, "steps between evaluations on held-out pairs; the best weights are kept; 0: never", 0
    )
    keep_every: int = option(
        0, "steps between two checkpoints that are kept; 0: none but the last", 0
    )
    validation_samples: int = option(256, "held-out pairs of an evaluation", low=2)
    patience: int = option(
        0, "stop after so many evaluations without improvement, with the best weights; 0: never", 0
    )
    fixed: str = option("", "train this one subnet only, e.g. '64_32_16'")
    terms: dict[str | Callable[..., Any], TermOptions] = option(
        {
            "discriminator_features": TermOptions(),
            "l1": TermOptions(weight=0.2, decay="linear"),
            "adversarial": TermOptions(weight=0.01, every=10),
            # DiStyleGAN: λ2 = .01 and λ3 = .2 λ2.
            "adversarial_real": TermOptions(weight=0.002, every=10),
        },
        "loss terms of the student by name or 'module:attr' (DiStyleGAN's by default)",
    )
    discriminator: DiscriminatorOptions = section(
        DiscriminatorOptions, "the student's discriminator"
    )


@dataclass(frozen=True)
class FinetuneOptions:
    """Training the chosen subnet alone, after the search.

    Solved weights (``reconstruct``) are trained towards the teacher by L1 and SSIM, with the best
    of several learning rates that are tried, and only as long as held-out pairs come nearer. By the
    terms of ``distill`` they gain detail that no distance asks for: with a discriminator they end
    further away, and look more like the teacher's images.
    """

    steps: int = option(0, "updates; 0: leave the inherited weights as they are", low=0)
    compare: int = option(
        0, "further subnets to fine-tune, to see whether inherited scores rank as trained", low=0
    )
    objective: Literal["nearest", "distill"] = option(
        "nearest",
        "of solved weights: nearest, L1 and SSIM; or distill, the terms, discriminator and options "
        "of that section. Trained weights go on by distill",
    )
    learning_rate: float = option(
        1e-4, "Adam, student; of solved weights with the objective distill only", low=0
    )
