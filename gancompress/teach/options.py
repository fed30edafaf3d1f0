"""The options of training a teacher; the section ``teach`` of a recipe is made of them."""

from dataclasses import dataclass
from typing import Any, Literal

from gancompress.options import option, section
from gancompress.training.options import AdversarialLoss


@dataclass(frozen=True)
class TeacherDiscriminatorOptions:
    """The network that tells real from generated."""

    factory: str = option(
        "distylegan_discriminator", "built-in name, 'module:attr' or 'file.py:attr'"
    )
    kwargs: dict[str, Any] = option({}, "arguments of the factory")


@dataclass(frozen=True)
class SingleImageOptions:
    """objective single_image: a generator of one photograph (ConSinGAN)."""

    task: Literal["generate", "harmonise", "edit"] = option(
        "generate", "images like it, or fit a composite into it: foreign objects, or moved parts"
    )
    stages: int = option(6, "sizes that it is trained on one after the other", low=1, high=100)
    min_size: int = option(25, "shorter side of the coarsest, in pixels", low=11, high=16_384)
    max_size: int = option(250, "longer side of the finest", low=11, high=16_384)
    steps: tuple[int, ...] = option(
        (), "updates at each size, coarse to fine; empty: teach.steps at every one"
    )
    concurrent: int = option(3, "last stages that are trained together", low=1)
    learning_rate_scale: float = option(
        0.1, "of each of them in the next one's: more is more faithful, less more varied", 0, 1
    )
    reconstruction: float = option(10.0, "weight of giving the photograph back", low=0)
    gradient_penalty: float = option(0.1, "weight of the Wasserstein gradient penalty", low=0)
    discriminator_steps: int = option(3, "updates of the discriminator on an image", low=1)
    generator_steps: int = option(3, "steps of the generator along a gradient", low=1)
    noise: float = option(0.1, "a stage's noise in the error it begins with", low=0)
    trained: str = option(
        "", "harmonise, edit: run on the same photograph to fine-tune; empty: train first"
    )
    composite: str = option(
        "", "harmonise, edit: the picture to fit in, of the photograph's aspect"
    )
    mask: str = option(
        "", "harmonise, edit: white where the composite is foreign; empty: everywhere"
    )
    finetune_steps: int = option(500, "harmonise, edit: updates on the composite", low=0)


@dataclass(frozen=True)
class PairedOptions:
    """objective paired: an image to the image that belongs to it (pix2pix)."""

    l1: float = option(100.0, "weight of the mean difference to that image", low=0)


@dataclass(frozen=True)
class SemanticOptions:
    """objective semantic: a label map to the image that belongs to it (GauGAN)."""

    features: float = option(
        5.0,
        "weight of the differences in the discriminator's maps, added up (GauGAN: 10, halved for "
        "its two scales)",
        low=0,
    )
    perceptual: float = option(0.0, "weight of the differences in another network's maps", low=0)
    network: str = option("", "perceptual: the extractor with those maps, e.g. squeezenet:FILE")
    taps: tuple[str, ...] = option(
        ("auto",), "perceptual: its submodules, or those it is known for"
    )


@dataclass(frozen=True)
class CycleOptions:
    """objective cycle: one kind of images to another, without pairs (CycleGAN)."""

    consistency: float = option(
        10.0, "weight of the way there and back in giving the image back", 0
    )
    identity: float = option(
        0.5, "weight of leaving alone what is of the other kind already, as a share of it", low=0
    )
    pool: int = option(50, "earlier images that the discriminators see again; 0: none", low=0)


@dataclass(frozen=True)
class TeachOptions:
    """Training a teacher from scratch."""

    objective: Literal["adversarial", "paired", "semantic", "cycle", "single_image"] = option(
        "adversarial",
        "noise to image against a discriminator; image to image in pairs; label map to image; "
        "image to image without pairs; noise to one photograph's likes",
    )
    steps: int = option(
        20_000,
        "generator updates; single_image: at every size; with distill.online: distill.steps count",
        low=1,
    )
    batch_size: int = option(64, "images a step", low=1)
    loss: AdversarialLoss = option("hinge", "adversarial loss of generator and discriminator")
    relativistic: bool = option(False, "compare images with each other (relativistic average loss)")
    r1: float = option(0.0, "weight of the R1 gradient penalty on real images", low=0)
    r1_every: int = option(16, "steps between R1 penalties", low=1)
    gradient_penalty: float = option(0.0, "weight of the Wasserstein gradient penalty", low=0)
    critic_steps: int = option(1, "discriminator updates before each generator update", low=1)
    unrolled: int = option(
        0, "discriminator updates that the generator looks ahead, against collapse; 0: none", low=0
    )
    learning_rate: float = option(2e-4, "Adam, generator", low=0)
    discriminator_learning_rate: float = option(2e-4, "Adam, discriminator", low=0)
    betas: tuple[float, ...] = option((0.5, 0.999), "Adam", low=0, below=1)
    ema: float = option(0.999, "decay of the generator's moving average", low=0, below=1)
    augment: tuple[Literal["translation", "color", "cutout"], ...] = option(
        ("translation",), "how real and generated images are changed for the discriminator"
    )
    adaptive: float = option(
        0.0,
        "augment only as often as keeps the discriminator's mean sign on real images here, e.g. "
        "0.6; 0: always",
        low=0,
        high=1,
    )
    evaluate_every: int = option(
        1_000,
        "steps between two evaluations: samples, their Fréchet distance; 0: never",
        low=0,
        formerly="look_every",
    )
    evaluation_samples: int = option(
        2_000, "images of that Fréchet distance", low=2, formerly="look_samples"
    )
    best: bool = option(
        True,
        "use the weights of the best evaluation, not the last; with distill.online the last",
    )
    jitter: int = option(
        0,
        "paired, semantic, cycle: pixels by which images are enlarged before a random part is cut "
        "(pix2pix: 30)",
        low=0,
    )
    decay_from: float = option(
        1.0,
        "paired, semantic, cycle: share of the steps after which the learning rates go down, to "
        "nothing at the end (as published: 0.5)",
        low=0,
        high=1,
    )
    discriminator: TeacherDiscriminatorOptions = section(
        TeacherDiscriminatorOptions, "the teacher's discriminator"
    )
    paired: PairedOptions = section(PairedOptions, "pairs of images (pix2pix)")
    semantic: SemanticOptions = section(SemanticOptions, "label maps and images (GauGAN)")
    cycle: CycleOptions = section(CycleOptions, "two kinds of images (CycleGAN)")
    single_image: SingleImageOptions = section(SingleImageOptions, "one photograph (ConSinGAN)")

    def mistakes(self) -> list[str]:
        """What does not fit together although every key by itself does."""
        found = []
        if self.adaptive and not self.augment:
            found.append("teach.adaptive: there is nothing to adapt while teach.augment is empty")
        if self.adaptive and self.loss == "wasserstein":
            found.append(
                "teach.adaptive: the sign of a Wasserstein critic says nothing; write 0, or take "
                "another teach.loss"
            )
        if (self.single_image.task == "generate") == bool(self.single_image.composite):
            found.append(
                "teach.single_image.composite: the picture to fit in, for the tasks harmonise and "
                "edit; give it for these and for these only"
            )
        counts = self.single_image.steps
        if counts and (len(counts) != self.single_image.stages or min(counts) < 1):
            found.append(
                f"teach.single_image.steps: one number for each of {self.single_image.stages} "
                f"stages, at least 1, got {list(counts)}"
            )
        return found
