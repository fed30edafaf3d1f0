"""Sizes of networks that are known by their published weights or configurations."""

from gancompress.generators.published_size import PublishedSize

_SUPER_RESOLUTION = (
    PublishedSize("Real-ESRGAN ×4", "23 blocks, 64 + 32 channels", "rrdb", {}, 16_697_987),
    PublishedSize(
        "Real-ESRGAN ×4, drawings", "6 blocks, 64 + 32 channels", "rrdb", {"blocks": 6}, 4_467_779
    ),
    PublishedSize("SRVGGNetCompact ×4", "16 convolutions of 64", "srvgg", {}, 621_424),
)

_PUBLISHED_WEIGHTS = (
    PublishedSize(
        "DCGAN faces",
        "PyTorch's example, 64×64",
        "dcgan_transposed",
        {},
        3_576_704,
        recounted=(("104.6M", "exact"),),
    ),
    PublishedSize(
        "CycleGAN with affine norms",
        "ngf 64",
        "resnet",
        {"norm_kind": "instance_affine"},
        11_388_675,
        recounted=(("56.83G", "paper"), ("49.55G", "exact")),
    ),
    PublishedSize(
        "StyleGAN3-T",
        "1024×1024",
        "stylegan3",
        {},
        None,
        recounted=(("22,313,167", "params"),),
        note="recounted from its configuration",
    ),
    PublishedSize(
        "StyleGAN3-R",
        "1024×1024",
        "stylegan3",
        {"channel_base": 65536, "channel_max": 1024, "kernel_size": 1, "radial": True},
        None,
        recounted=(("15,093,151", "params"),),
        note="recounted from its configuration",
    ),
    PublishedSize(
        "pix2pixHD global",
        "ngf 64, 36×512×1024",
        "pix2pixhd",
        {},
        None,
        recounted=(("182,546,755", "params"),),
        note="its paper prints no size",
    ),
)

SIZES_OF_WEIGHTS: tuple[PublishedSize, ...] = (*_SUPER_RESOLUTION, *_PUBLISHED_WEIGHTS)
