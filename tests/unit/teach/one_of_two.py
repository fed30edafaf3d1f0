"""One of two processes of a teaching: ``python -m tests.unit.teach.one_of_two FOLDER``."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from gancompress.teach.augment import Augment
from tests.unit.teach.bright import teach
from tests.unit.teach.translate import cycle

# With all that draws numbers or averages over a batch.
RULES = {
    "loss": "bce",
    "r1": 0.1,
    "r1_every": 2,
    "gradient_penalty": 1.0,
    "critic_steps": 2,
    "unrolled": 1,
}
AUGMENT = partial(Augment, ("translation", "color", "cutout"), 0.6, adaptation=300)
STEPS = 6
# Dropout alone draws per process.
CYCLE: dict[str, Any] = {
    "steps": 4, "pool": 5, "identity": 0.5, "jitter": 2, "flip": True, "dropout": 0.0,
}  # fmt: skip


def main(folder: Path) -> None:
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2
    events: list[Any] = []
    augment = AUGMENT()
    taught = teach(
        folder, RULES, steps=STEPS, batch_size=8, augment=augment, accelerator=accelerator,
        events=events,
    )  # fmt: skip
    there, _ = cycle(folder / "cycle", **CYCLE, batch_size=4, accelerator=accelerator)
    found = {
        "cycle": there.state_dict(),
        "weights": taught.module.state_dict(),
        "augment": augment.probability,
        "events": events,
    }
    torch.save(found, folder / f"rank{accelerator.process_index}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ["ACCELERATE_USE_CPU"] = "true"
    main(Path(sys.argv[1]))
