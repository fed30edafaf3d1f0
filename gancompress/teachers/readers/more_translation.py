"""More image-to-image families: pix2pixHD, StarGAN, StarGAN v2, U-GAT-IT, AnimeGANv2."""

import math
import re

from gancompress.teachers.family import Arguments, Shapes, count
from gancompress.teachers.readers.translation import norm_kind


def read_pix2pixhd(shapes: Shapes) -> Arguments:
    """pix2pixHD, global or with local enhancers."""
    stem = shapes["model.1.weight"]
    blocks = count(shapes, r"model\.\d+\.conv_block\.1\.weight")
    first = min(int(m[1]) for n in shapes if (m := re.match(r"model\.(\d+)\.conv_block\.", n)))
    enhancers = count(shapes, r"model\d+_1\.1\.weight")
    if first < 13 and not enhancers:
        raise KeyError("model.13.weight")  # with two down-samplings it is CycleGAN's network
    last = f"model{enhancers}_2" if enhancers else "model"
    places = [int(m[1]) for n in shapes if (m := re.match(rf"{last}\.(\d+)\.weight$", n))]
    factor = 2**enhancers
    return {
        "label_channels": stem[1],
        "out_channels": shapes[f"{last}.{max(places)}.weight"][0],
        "width": stem[0],
        "downs": (first - 4) // 3,
        "blocks": blocks,
        "enhancers": enhancers,
        "enhancer_blocks": count(shapes, r"model1_2\.\d+\.conv_block\.1\.weight") or 3,
        "norm_kind": norm_kind(shapes, "model.1", "model.2"),
        "size": (512 * factor, 1024 * factor),
    }


def read_stargan(shapes: Shapes) -> Arguments:
    """StarGAN."""
    stem = shapes["main.0.weight"]
    return {
        "attributes": stem[1] - 3,
        "width": stem[0],
        "blocks": count(shapes, r"main\.\d+\.main\.0\.weight"),
        "tracked": "main.1.running_mean" in shapes,
    }


def read_stargan_v2(shapes: Shapes) -> Arguments:
    """StarGAN v2's generator, with its mapping network where the file has it."""
    width = shapes["from_rgb.weight"][0]
    encoders = count(shapes, r"encode\.\d+\.conv1\.weight")
    widest = shapes[f"encode.{encoders - 1}.conv1.weight"][0]
    resolution, downs = 2**14 // width, encoders - 2
    domains = count(shapes, r"mapping_network\.unshared\.\d+\.0\.weight")
    latent = shapes["mapping_network.shared.0.weight"][1] if domains else 16
    # The high-pass form halves once more.
    high_pass = downs > resolution.bit_length() - 5
    return {
        "resolution": resolution,
        "style_dim": shapes["decode.0.norm1.fc.weight"][1],
        "width": width,
        "channel_max": widest,
        "downs": downs,
        "high_pass": high_pass,
        "domains": domains,
        "latent_dim": latent,
    }


def assume_stargan_v2(_: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of StarGAN v2 do not show."""
    return {
        "high_pass": "by the number of halvings for the width, as published (w_hpf)",
        "resolution": "as published for its width (2^14 / width)",
    }


def read_ugatit(shapes: Shapes) -> Arguments:
    """U-GAT-IT, light or full."""
    stem, first = shapes["DownBlock.1.weight"], shapes["FC.0.weight"]
    inner = 4 * stem[0]
    light = first[1] == inner
    return {
        "in_channels": stem[1],
        "out_channels": shapes["UpBlock2.11.weight"][0],
        "width": stem[0],
        "blocks": count(shapes, r"UpBlock1_\d+\.conv1\.weight"),
        "light": light,
        "resolution": 256 if light else 4 * math.isqrt(first[1] // inner),
    }


def read_animegan(shapes: Shapes) -> Arguments:
    """AnimeGANv2 in its PyTorch port."""
    return {
        "width": shapes["block_a.0.1.weight"][0],
        "blocks": count(shapes, r"block_c\.\d+\.layers\.2\.weight"),
    }
