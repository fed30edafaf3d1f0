"""Where published teachers and data are to be had. Nothing is downloaded: licences want reading."""

from pathlib import Path

_BERKELEY = "http://efrosgans.eecs.berkeley.edu"

# File name -> (project, address).
DOWNLOADS: dict[str, tuple[str, str]] = {
    "cifar10.pkl": (
        "https://github.com/NVlabs/stylegan2-ada-pytorch",
        "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/cifar10.pkl",
    ),
    "ffhq.pkl": (
        "https://github.com/NVlabs/stylegan2-ada-pytorch",
        "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/ffhq.pkl",
    ),
    **{
        f"{name}.pth": (
            "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
            f"{_BERKELEY}/cyclegan/pretrained_models/{name}.pth",
        )
        for name in ("horse2zebra", "zebra2horse", "apple2orange", "orange2apple", "monet2photo")
    },
    **{
        f"{name}.pth": (
            "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
            f"{_BERKELEY}/pix2pix/models-pytorch/{name}.pth",
        )
        for name in ("edges2shoes", "facades_label2photo", "day2night")
    },
    "gaugan_cityscapes.pth": (
        "https://github.com/NVlabs/SPADE",
        "checkpoints.tar.gz, linked under 'Generating Images Using Pretrained Model': "
        "checkpoints/cityscapes_pretrained/latest_net_G.pth",
    ),
    "horse2zebra.zip": (
        "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        f"{_BERKELEY}/cyclegan/datasets/horse2zebra.zip",
    ),
    "facades": (
        "https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
        f"{_BERKELEY}/pix2pix/datasets/facades.tar.gz (unpack it)",
    ),
    "cityscapes": (
        "https://www.cityscapes-dataset.com (an account is needed)",
        "gtFine_trainvaltest.zip; gather gtFine/train/*/*_labelIds.png into train_label/ and "
        "*_instanceIds.png into train_inst/, the ending cut off so that names are equal",
    ),
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "cifar-10-python.tar.gz; write its training images as PNG into one folder a class",
    ),
}


def missing_file(path: Path) -> str:
    """The error for a file or folder that is not there: where to get it and where to put it."""
    there = f"{path}: no such file or folder (looked from {Path.cwd()})"
    if path.name not in DOWNLOADS:
        return f"{there}; mend the path in the recipe or on the command line"
    project, address = DOWNLOADS[path.name]
    return (
        f"{there}. It is published by {project} (read its licence first); get\n  {address}\n"
        f"and put it at\n  {path.absolute()}"
    )
