"""Sizes of networks that are known by their published weights or configurations."""

from gancompress.generators.published_size import PublishedSize

_SUPER_RESOLUTION = (
    PublishedSize(
        model="Real-ESRGAN ×4",
        config="23 blocks, 64 + 32 channels",
        factory="rrdb",
        kwargs={},
        params=16_697_987,
    ),
    PublishedSize(
        model="Real-ESRGAN ×4, drawings",
        config="6 blocks, 64 + 32 channels",
        factory="rrdb",
        kwargs={"blocks": 6},
        params=4_467_779,
    ),
    PublishedSize(
        model="SRVGGNetCompact ×4",
        config="16 convolutions of 64",
        factory="srvgg",
        kwargs={},
        params=621_424,
    ),
)

_PUBLISHED_WEIGHTS = (
    PublishedSize(
        model="DCGAN faces",
        config="PyTorch's example, 64×64",
        factory="dcgan_transposed",
        kwargs={},
        params=3_576_704,
        recounted=(("104.6M", "exact"),),
    ),
    PublishedSize(
        model="CycleGAN with affine norms",
        config="ngf 64",
        factory="resnet",
        kwargs={"norm_kind": "instance_affine"},
        params=11_388_675,
        recounted=(("56.83G", "paper"), ("49.55G", "exact")),
    ),
    PublishedSize(
        model="StyleGAN3-T",
        config="1024×1024",
        factory="stylegan3",
        kwargs={},
        params=None,
        recounted=(("22,313,167", "params"),),
        note="recounted from its configuration",
    ),
    PublishedSize(
        model="StyleGAN3-R",
        config="1024×1024",
        factory="stylegan3",
        kwargs={"channel_base": 65536, "channel_max": 1024, "kernel_size": 1, "radial": True},
        params=None,
        recounted=(("15,093,151", "params"),),
        note="recounted from its configuration",
    ),
    PublishedSize(
        model="pix2pixHD global",
        config="ngf 64, 36×512×1024",
        factory="pix2pixhd",
        kwargs={},
        params=None,
        recounted=(("182,546,755", "params"),),
        note="its paper prints no size",
    ),
)

SIZES_OF_WEIGHTS: tuple[PublishedSize, ...] = (*_SUPER_RESOLUTION, *_PUBLISHED_WEIGHTS)
