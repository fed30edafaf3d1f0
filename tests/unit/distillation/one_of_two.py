"""A distilling process of two: ``python -m tests.unit.distillation.one_of_two FOLDER``."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from tests.unit.distillation.online import distil
from tests.unit.distillation.small import Generator, Made, against, run
from tests.unit.teach.translate import OPTIONS, pix2pix


def main(folder: Path) -> None:
    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    assert accelerator.num_processes == 2
    events: list[Any] = []
    terms = {"l1": 1.0, "discriminator_features": 1.0, "adversarial": 0.1, "adversarial_real": 0.1}
    # One of the two is fed a NaN at step 5: both have to leave the batch out.
    poison = 5 if rank == 1 else -1
    source = Made(Generator(8, seed=1), batch_size=6, rank=rank, ranks=2, poison=poison)
    trained = run(
        folder, terms, events=events, networks=against(), source=source, steps=8,
        logger={"log_every": 4}, accelerator=accelerator,
    )  # fmt: skip
    # With batch norm; the shares that subnets have of the fresh images differ by a sample.
    source = Made(Generator(8, seed=1), batch_size=5, rank=rank, ranks=2)
    paired = {name: weight for name, weight in terms.items() if name != "adversarial_real"}
    (folder / f"norm{rank}").mkdir()
    normed = run(
        folder / f"norm{rank}", paired, source=source, student=Generator(8, norm=True),
        networks=against(), subnets="front", steps=8, accelerator=accelerator,
    )  # fmt: skip
    losses = [{k: float(v) for k, v in e.items()} for e in events if "gradient" in e]
    # Online; dropout alone draws per process.
    training = pix2pix(replace(OPTIONS, steps=6, batch_size=4), 0.0, accelerator)
    (folder / f"online{rank}").mkdir()
    online = distil(
        folder / f"online{rank}",
        training,
        terms={"l1": 1.0},
        batch_size=4,
        accelerator=accelerator,
    )
    found = {
        "weights": trained.state_dict(), "losses": losses, "normed": normed.state_dict(),
        "online": online.state_dict(), "taught": training.average.state_dict(),
    }  # fmt: skip
    torch.save(found, folder / f"rank{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    os.environ["ACCELERATE_USE_CPU"] = "true"
    main(Path(sys.argv[1]))
