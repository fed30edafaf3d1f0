"""Paste an outlined object of one picture into another: a naive composite and its mask.

What `teach.single_image.task: harmonise` fits in. For example:

    python examples/composite.py stonehenge.jpg angkorwat.jpg --at 345,100 --scale 1.4 \
        --outline 360,49 368,66 376,88 380,112 380,124 338,124 340,108 345,88 352,66
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw


def point(text: str) -> tuple[int, int]:
    x, y = text.split(",")
    return int(x), int(y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photograph", type=Path)
    parser.add_argument("other", type=Path, help="picture with the object")
    parser.add_argument("--outline", type=point, nargs="+", required=True, help="x,y x,y …, in it")
    parser.add_argument("--at", type=point, required=True, help="top left of the object, x,y")
    parser.add_argument("--scale", type=float, default=1.0, help="of the object")
    parser.add_argument("--folder", type=Path, default=Path(), help="for composite and mask")
    options = parser.parse_args()

    # Cut the object out.
    other = Image.open(options.other).convert("RGB")
    outline = Image.new("L", other.size)
    ImageDraw.Draw(outline).polygon(options.outline, fill=255)
    box = outline.getbbox()
    size = round((box[2] - box[0]) * options.scale), round((box[3] - box[1]) * options.scale)
    thing = other.crop(box).resize(size, Image.Resampling.LANCZOS)
    shape = outline.crop(box).resize(size)

    # Paste it in, and note where.
    composite = Image.open(options.photograph).convert("RGB")
    mask = Image.new("L", composite.size)
    composite.paste(thing, options.at, shape)
    mask.paste(shape, options.at)
    options.folder.mkdir(parents=True, exist_ok=True)
    composite.save(options.folder / "composite.png")
    mask.save(options.folder / "mask.png")


if __name__ == "__main__":
    main()
