"""Networks that people have files of and that are no generators: what they are told by."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from gancompress.teachers.family import Shapes


@dataclass(frozen=True)
class Kind:
    """One kind of network that cannot be a teacher by itself.

    Attributes:
        names: pattern of a name that its files have.
        text: what it is, and what to do.
        holds: a further condition on the shapes.
    """

    names: str
    text: str
    holds: Callable[[Shapes], bool] = lambda shapes: True


_GIVE = "give the generator's file"


def _one_logit(shapes: Shapes) -> bool:
    """Whether the last weight has one output, as a discriminator's does."""
    weights = [shape for name, shape in shapes.items() if re.search(r"weight(_orig|_v)?$", name)]
    last = [shape for shape in weights if len(shape) in (2, 4)]
    return bool(last) and any(shape[0] == 1 for shape in last[-3:])


OTHER_KINDS: tuple[Kind, ...] = (
    Kind(
        r"model\.0\.(weight|weight_orig)$",
        f"a discriminator (PatchGAN); {_GIVE}, mostly latest_net_G.pth beside it",
        lambda shapes: _one_logit(shapes) and "model.1.weight" not in shapes,
    ),
    Kind(
        r"(module\.)?(scale\d+_layer\d+|discriminator_\d+\.model\d+|layer\d+)\.0\.(weight|bias)",
        f"a multi-scale discriminator of pix2pixHD or GauGAN; {_GIVE}, mostly latest_net_G.pth "
        "beside it",
        lambda shapes: _one_logit(shapes),
    ),
    Kind(
        r"(b4\.(out|fc)\.weight|final_linear\.\d+\.weight|convs\.0\.0\.weight)$",
        f"a discriminator of StyleGAN2; {_GIVE}, or the whole checkpoint with g_ema or G_ema",
        lambda shapes: not any(name.startswith(("mapping.", "style.")) for name in shapes),
    ),
    Kind(
        r"(dis\.)?cnns\.\d+\.",
        f"a discriminator of MUNIT; {_GIVE} (gen_….pt)",
    ),
    Kind(
        r".*\blora_(A|B|up|down)\b|.*\.lora\.",
        "a LoRA: changes to a network, and no network; merge it into its base model and save that",
    ),
    Kind(
        r"text_model\.embeddings\.|transformer\.text_model\.",
        "a text encoder; give the decoder or the generator that makes the images",
    ),
    Kind(
        r"features\.\d+\.(\d+\.)?weight$",
        "a classifier (VGG, AlexNet, SqueezeNet, MobileNet), not a generator; give it as an "
        "extractor to `evaluate`, or as the network of a perceptual loss",
        lambda shapes: any(name.startswith("classifier.") for name in shapes),
    ),
    Kind(
        r"(fc|last_linear|head)\.weight$",
        "a classifier, not a generator; give it as an extractor to `evaluate`",
        lambda shapes: "layer1.0.conv1.weight" in shapes or "patch_embed.proj.weight" in shapes,
    ),
    Kind(
        r"lin\d\.model\.\d\.weight$",
        "the linear layers of LPIPS, not a generator",
    ),
    Kind(
        r"(first_stage_model|cond_stage_model|model\.diffusion_model)\.",
        "a latent diffusion model in one file; save its decoder with diffusers "
        "(AutoencoderKL.from_single_file(...).save_pretrained(folder)) and give that folder",
    ),
    Kind(
        r"conv9\.weight(_orig)?$",
        f"the U-Net discriminator of Real-ESRGAN; {_GIVE} (net_g_….pth)",
        _one_logit,
    ),
)


def what_else(shapes: Shapes) -> str:
    """What the network is, if it is known to be no generator; empty otherwise."""
    for kind in OTHER_KINDS:
        if any(re.match(kind.names, name) for name in shapes) and kind.holds(shapes):
            return kind.text
    return ""
