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
    r1: float = key(0.0, "weight of the R1 gradient penalty on real images", low=0)
    r1_every: int = key(16, "steps between R1 penalties", low=1)
    learning_rate: float = key(2e-4, "Adam, generator", low=0)
    discriminator_learning_rate: float = key(2e-4, "Adam, discriminator", low=0)
    betas: tuple[float, ...] = key((0.5, 0.999), "Adam")
    ema: float = key(0.999, "decay of the generator's moving average", low=0, high=1)
    augment: bool = key(True, "differentiable translation of real and generated images")
    discriminator: Discriminator = field(
        default_factory=Discriminator, metadata={"doc": "the teacher's opponent"}
    )
