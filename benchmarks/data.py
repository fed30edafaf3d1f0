"""How fast and how small is the pair store, against the published folder layout.

Both hold the same pairs: CIFAR-10 sized images, latents of 512, ten classes. The folder layout is
read as its publishers read it: one PNG and one tensor file a sample through a ``Dataset`` and a
``DataLoader``. Runs of the two alternate; the median and the spread are reported.

    python -m benchmarks.data [--pairs 5000] [--repeats 5]
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.io import read_image

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import Batch, Input, InputSpec, draw_inputs
from gancompress.data.encoding import LatentFormat
from gancompress.data.folder_pairs import export_folder_pairs
from gancompress.data.images import Images, images_from_tensor, open_images, to_float
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter
from gancompress.data.pairs import record as record_pairs
from gancompress.data.prefetch import Prefetch

BATCH = 128
INPUTS: InputSpec = {"z": Input("normal", (512,)), "c": Input("one_hot", (10,))}


class Replay:
    """A teacher that answers with real images, so that files compress as they would in use."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        self.chosen = torch.as_tensor(indices)
        return draw_inputs(INPUTS, indices, seed)

    def __call__(self, batch: Batch) -> Tensor:
        return to_float(self.images.batch(self.chosen % len(self.images)))


class FolderDataset(Dataset[tuple[Tensor, Tensor, int]]):
    """The folder layout, read file by file."""

    def __init__(self, folder: Path) -> None:
        self.images = sorted(folder.glob("class_*/image_*.png"))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        file = self.images[index]
        noise = file.with_name(file.name.replace("image", "noise")).with_suffix(".pt")
        label = int(file.parent.name.removeprefix("class_"))
        image = read_image(str(file)).float() / 127.5 - 1
        return torch.load(noise, weights_only=True), image, label


def make_store(path: Path, images: Images, pairs: int, latents: LatentFormat) -> PairStore:
    writer = PairWriter(
        path,
        Plan(
            inputs=INPUTS,
            teacher="replay",
            seed=0,
            count=pairs,
            held_out=0,
            shard_size=1_000,
            output="uint8",
            latents=latents,
        ),
    )
    record_pairs(Replay(images), writer, batch_size=500)
    writer.finish()
    return PairStore(path)


def read_folder(dataset: FolderDataset, workers: int) -> float:
    loader = DataLoader(dataset, BATCH, shuffle=True, num_workers=workers)
    start, seen = time.perf_counter(), 0
    for _, images, _ in loader:
        seen += len(images)
        if seen >= 1_500:
            break
    return seen / (time.perf_counter() - start)


def read_store(store: PairStore, fetch: Callable[[Tensor], Any], steps: int = 200) -> float:
    order = torch.randint(len(store), (steps, BATCH))
    with Prefetch(lambda step: fetch(order[step % steps]), depth=2) as batches:
        start = time.perf_counter()
        for step in range(steps):
            batches(step)
        return steps * BATCH / (time.perf_counter() - start)


def folder_bytes(folder: Path, blocks: bool) -> int:
    facts = [file.stat() for file in folder.rglob("*") if file.is_file()]
    return sum(fact.st_blocks * 512 if blocks else fact.st_size for fact in facts)


def real_images(archive: Path | None, count: int) -> Images:
    if archive is not None and archive.exists():
        images = open_images(archive)
        spread = torch.linspace(0, len(images) - 1, min(count, len(images))).long()
        return images.subset(spread)
    print("no archive of images given: noise is recorded, which no PNG can make smaller")
    return images_from_tensor(torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=5)
    shared = Path(os.environ.get("GANCOMPRESS_SHARED", "../shared"))
    parser.add_argument("--images", type=Path, default=shared / "data/cifar10-train.zip")
    options = arguments_of(parser, pairs=200, repeats=1)
    torch.manual_seed(0)
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as temporary:
        # The same pairs in every form.
        images, root = real_images(options.images, options.pairs), Path(temporary)
        store = make_store(root / "float32", images, options.pairs, "float32")
        half = make_store(root / "float16", images, options.pairs, "float16")
        export_folder_pairs(store, root / "folder")
        dataset = FolderDataset(root / "folder")

        # Images a second; the forms take turns, so that a busy machine hurts all alike.
        readers: dict[str, tuple[Path, Callable[[], float]]] = {
            "folder, 0 workers": (root / "folder", lambda: read_folder(dataset, 0)),
            "folder, 2 workers": (root / "folder", lambda: read_folder(dataset, 2)),
            "store, float32 latents": (store.path, lambda: read_store(store, store.batch)),
            "store, float16 latents": (half.path, lambda: read_store(half, half.batch)),
            "store, as stored": (half.path, lambda: read_store(half, half.stored)),
        }
        speeds: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(options.repeats):
            for name, (_, measure) in readers.items():
                speeds[name].append(measure())

        # One table.
        rows = []
        for name, (folder, _) in readers.items():
            speed = statistics.median(speeds[name])
            size, disk = (folder_bytes(folder, blocks) / options.pairs for blocks in (False, True))
            rows.append(
                {
                    "form": name,
                    "images_per_s": round(speed),
                    "slowest": round(min(speeds[name])),
                    "fastest": round(max(speeds[name])),
                    "bytes_per_pair": round(size),
                    "disk_bytes_per_pair": round(disk),
                }
            )
        base = rows[0]
        for row in rows:
            for key, of in (
                ("speed_ratio", "images_per_s"),
                ("bytes_ratio", "bytes_per_pair"),
                ("disk_ratio", "disk_bytes_per_pair"),
            ):
                row[key] = round(float(row[of]) / float(base[of]), 3)
        record("data", rows, pairs=options.pairs, batch=BATCH, repeats=options.repeats)


if __name__ == "__main__":
    main()
