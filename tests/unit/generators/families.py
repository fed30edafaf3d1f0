"""One small network of every family, for the tests that hold for all."""

from typing import Any

BIGGAN = {"z_dim": 9, "classes": 3, "widths": [16, 16, 8], "attention": [1], "shared_dim": 4}

# A name in BUILT_IN, and arguments that make it small.
GENERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "animegan": ("animegan", {"width": 4, "blocks": 2, "resolution": 16}),
    "biggan": ("biggan", {**BIGGAN, "hierarchical": True}),
    "biggan, classes in each norm": ("biggan", {**BIGGAN, "shared_dim": 0}),
    "biggan, deep": ("biggan", {**BIGGAN, "hierarchical": True, "depth": 2}),
    "biggan, statistics": (
        "biggan",
        {**BIGGAN, "hierarchical": True, "depth": 1, "statistics": 5, "truncation": 0.4},
    ),
    "consingan": ("consingan", {"sizes": [(12, 16), (18, 24)], "width": 8}),
    "consingan, zero borders": (
        "consingan",
        {"sizes": [(12, 16), (18, 24)], "width": 8, "borders": "zero"},
    ),
    "dcgan": ("dcgan", {"width": 4, "resolution": 16}),
    "dcgan, classes, 28 pixels": (
        "dcgan",
        {"width": 4, "resolution": 28, "classes": 3, "channels": 1},
    ),
    "dcgan, transposed": ("dcgan_transposed", {"z_dim": 8, "widths": [8, 4]}),
    "diffusers_decoder": (
        "diffusers_decoder",
        {"block_out_channels": [8], "norm_num_groups": 4, "sample_size": 16},
    ),
    "diffusers_unet": (
        "diffusers_unet",
        {
            "block_out_channels": [8],
            "norm_num_groups": 4,
            "sample_size": 16,
            "down_block_types": ["AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D"],
            "num_class_embeds": 3,
        },
    ),
    "distylegan": ("distylegan", {"width": 16, "resolution": 16, "z_dim": 8}),
    "fastgan": ("fastgan", {"z_dim": 8, "width": 8, "tanh": True}),
    "hifigan": ("hifigan", {"mels": 5, "width": 16, "frames": 4}),
    "hifigan, single": (
        "hifigan",
        {
            "mels": 5,
            "width": 16,
            "rates": [4, 2],
            "rate_kernels": [8, 4],
            "kernels": [3, 5],
            "dilations": [[1, 2], [2, 6]],
            "paired": False,
            "frames": 4,
        },
    ),
    "munit": ("munit", {"width": 4, "resolution": 32, "blocks": 1}),
    "munit, zeros, prelu": (
        "munit",
        {
            "width": 4,
            "resolution": 32,
            "blocks": 1,
            "padding": "zero",
            "activation": "prelu",
            "style_encoder": False,
        },
    ),
    "pix2pixhd": (
        "pix2pixhd",
        {"label_channels": 5, "width": 4, "downs": 2, "blocks": 1, "size": (32, 64)},
    ),
    "pix2pixhd, enhanced": (
        "pix2pixhd",
        {
            "label_channels": 5,
            "width": 4,
            "downs": 2,
            "blocks": 1,
            "enhancers": 1,
            "enhancer_blocks": 1,
            "size": (32, 64),
        },
    ),
    "resnet": ("resnet", {"width": 4, "resolution": 32, "blocks": 6}),
    "resnet, batch norm, dropout": (
        "resnet",
        {"width": 4, "resolution": 32, "blocks": 6, "norm_kind": "batch", "dropout": 0.5},
    ),
    "resnet, separable, widths": (
        "resnet",
        {"widths": [4, 4, 5, 6, 3, 4, 5, 6], "resolution": 32, "separable": True},
    ),
    "resnet, blurred": (
        "resnet",
        {
            "width": 4,
            "resolution": 32,
            "blocks": 3,
            "antialias_down": True,
            "antialias_up": True,
            "padding": "zero",
        },
    ),
    "rrdb": ("rrdb", {"width": 4, "growth": 2, "blocks": 1, "unshuffle": 2, "resolution": 8}),
    "sngan": ("sngan", {"z_dim": 8, "widths": [8, 8, 4]}),
    "sngan, classes": ("sngan", {"z_dim": 8, "widths": [8, 4], "bottom": 6, "classes": 3}),
    "spade, normal": (
        "spade",
        {"label_channels": 5, "width": 2, "size": (32, 64), "hidden": 8, "upsampling": "normal"},
    ),
    "spade, more, spectral": (
        "spade",
        {"label_channels": 5, "width": 2, "size": (64, 64), "hidden": 8, "spectral": True},
    ),
    "spade, most": (
        "spade",
        {"label_channels": 5, "width": 2, "size": (128, 128), "hidden": 8, "upsampling": "most"},
    ),
    "spade, separable, widths": (
        "spade",
        {
            "label_channels": 5,
            "widths": [2, 1, 2, 3, 2, 1, 2, 3],
            "size": (128, 128),
            "separable": True,
        },
    ),
    "spade, latent, instance norm, 5×5": (
        "spade",
        {
            "label_channels": 5,
            "width": 2,
            "size": (32, 64),
            "hidden": 8,
            "upsampling": "normal",
            "norm_kind": "instance",
            "kernel_size": 5,
            "z_dim": 6,
        },
    ),
    "srresnet": ("srresnet", {"width": 8, "blocks": 2, "resolution": 8}),
    "srvgg": ("srvgg", {"width": 8, "convolutions": 2, "resolution": 8}),
    "stargan": ("stargan", {"width": 4, "blocks": 1, "resolution": 16, "tracked": False}),
    "stargan_v2": (
        "stargan_v2",
        {"width": 4, "channel_max": 8, "resolution": 32, "style_dim": 5, "downs": 2},
    ),
    "stargan_v2, domains": (
        "stargan_v2",
        {
            "width": 4,
            "channel_max": 8,
            "resolution": 32,
            "style_dim": 5,
            "domains": 3,
            "latent_dim": 4,
        },
    ),
    "stylegan2": ("stylegan2", {"z_dim": 8, "w_dim": 8, "channel_max": 8, "resolution": 16}),
    "stylegan2, unconditional": (
        "stylegan2",
        {"z_dim": 8, "classes": 0, "w_dim": 8, "channel_max": 8, "resolution": 8},
    ),
    "stylegan2, orig": (
        "stylegan2",
        {
            "z_dim": 8,
            "w_dim": 8,
            "channel_max": 8,
            "resolution": 16,
            "architecture": "orig",
            "embed_features": 3,
            "layer_features": 5,
        },
    ),
    "stylegan2, resnet": (
        "stylegan2",
        {"z_dim": 8, "w_dim": 8, "channel_max": 8, "resolution": 16, "architecture": "resnet"},
    ),
    "stylegan3": (
        "stylegan3",
        {"z_dim": 8, "w_dim": 8, "resolution": 16, "channel_base": 64, "channel_max": 8},
    ),
    "stylegan3, R, classes": (
        "stylegan3",
        {
            "z_dim": 8,
            "classes": 3,
            "w_dim": 8,
            "resolution": 16,
            "channel_base": 64,
            "channel_max": 8,
            "kernel_size": 1,
            "radial": True,
        },
    ),
    "tinygan": ("tinygan", {"width": 4, "blocks": 2, "resolution": 16, "classes": 3}),
    "ugatit": ("ugatit", {"width": 4, "blocks": 1, "resolution": 16}),
    "ugatit, full": ("ugatit", {"width": 4, "blocks": 1, "resolution": 16, "light": False}),
    "unet": ("unet", {"width": 2, "downs": 5}),
    "unet, instance norm": ("unet", {"width": 2, "downs": 5, "norm_kind": "instance"}),
}

# A name in BUILT_IN, arguments, and the shapes of one sample's image and conditions.
DISCRIMINATORS: dict[str, tuple[str, dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "consingan": ("consingan_discriminator", {"width": 8}, {"image": (3, 20, 24)}),
    "dcgan": ("dcgan_discriminator", {"width": 4}, {"image": (3, 32, 32)}),
    "dcgan, classes, 28 pixels": (
        "dcgan_discriminator",
        {"width": 4, "resolution": 28, "channels": 1, "classes": 3},
        {"image": (1, 28, 28), "c": (3,)},
    ),
    "distylegan": (
        "distylegan_discriminator",
        {"width": 8, "resolution": 16},
        {"image": (3, 16, 16), "c": (10,)},
    ),
    "multiscale_patchgan": (
        "multiscale_patchgan",
        {"width": 4, "in_channels": 8},
        {"image": (3, 64, 64), "condition": (5, 64, 64)},
    ),
    "patchgan": ("patchgan", {"width": 4}, {"image": (3, 40, 32)}),
    "patchgan, condition, batch norm": (
        "patchgan",
        {"width": 4, "in_channels": 6, "norm_kind": "batch"},
        {"image": (3, 32, 32), "condition": (3, 32, 32)},
    ),
    "stylegan2": (
        "stylegan2_discriminator",
        {"channel_max": 8, "resolution": 16},
        {"image": (3, 16, 16)},
    ),
    "stylegan2, classes": (
        "stylegan2_discriminator",
        {"channel_max": 8, "resolution": 16, "classes": 3, "mapping_layers": 2},
        {"image": (3, 16, 16), "c": (3,)},
    ),
    "tinygan": (
        "tinygan_discriminator",
        {"width": 4, "blocks": 3, "classes": 3},
        {"image": (3, 16, 16), "c": (3,)},
    ),
}
