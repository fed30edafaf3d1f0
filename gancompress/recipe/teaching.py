"""What a user may write about training a teacher from scratch; with every default."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gancompress.recipe.keys import key


@dataclass(frozen=True)
class Discriminator:
    """The network that tells real from generated."""

    factory: str = key("distylegan_discriminator", "built-in name, 'module:attr' or 'file.py:attr'")
    kwargs: dict[str, Any] = key({}, "arguments of the factory")


@dataclass(frozen=True)
class Teach:
    """Training a teacher from scratch."""

    objective: Literal["adversarial"] = key("adversarial", "noise to image against a discriminator")
    steps: int = key(20_000, "generator updates", low=1)
    batch_size: int = key(64, "images a step", low=2)
    loss: Literal["hinge", "bce", "least_squares", "wasserstein"] = key(
        "hinge", "adversarial loss of generator and discriminator"
    )
    relativistic: bool = key(False, "judge images against each other, not by themselves")
    r1: float = key(0.0, "weight of the R1 gradient penalty on real images", low=0)
    r1_every: int = key(16, "steps between R1 penalties", low=1)
    gradient_penalty: float = key(0.0, "weight of the Wasserstein gradient penalty", low=0)
    critic_steps: int = key(1, "discriminator updates before each generator update", low=1)
    unrolled: int = key(
        0, "discriminator updates that the generator looks ahead, against collapse; 0: none", low=0
    )
    learning_rate: float = key(2e-4, "Adam, generator", low=0)
    discriminator_learning_rate: float = key(2e-4, "Adam, discriminator", low=0)
    betas: tuple[float, ...] = key((0.5, 0.999), "Adam")
    ema: float = key(0.999, "decay of the generator's moving average", low=0, high=1)
    augment: tuple[Literal["translation", "color", "cutout"], ...] = key(
        ("translation",), "how real and generated images are changed for the discriminator"
    )
    adaptive: float = key(
        0.0,
        "augment only as often as keeps the discriminator's mean sign on real images here, e.g. "
        "0.6; 0: always",
        low=0,
        high=1,
    )
    look_every: int = key(
        1_000, "steps between two looks: samples, their Fréchet distance; 0: never", low=0
    )
    look_samples: int = key(2_000, "images of that Fréchet distance", low=2)
    best: bool = key(True, "take the weights of the best look, not the last ones")
    discriminator: Discriminator = field(
        default_factory=Discriminator, metadata={"doc": "the teacher's opponent"}
    )

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
        return found
