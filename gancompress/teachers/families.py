"""The published families whose files are recognised, one entry each.

A package adds its own by an entry point of the group ``gancompress.families``: the point's name is
the family's, and it names a :class:`gancompress.teachers.family.Family`.
"""

from functools import cache
from importlib.metadata import entry_points

from gancompress.errors import TeacherError
from gancompress.teachers.family import Family, always
from gancompress.teachers.readers import (
    more_synthesis,
    more_translation,
    rosinality,
    super_resolution,
    synthesis,
    translation,
)

FAMILIES: dict[str, Family] = {
    "resnet": Family(
        "resnet",
        translation.read_resnet,
        convert=translation.convert_resnet,
        assumes=translation.assume_resnet,
        publisher="CycleGAN, pix2pix (BSD-2), CUT (BSD), GAN Compression (BSD); OMGD, CAT",
        proof="names, shapes and sizes of published files; the golden picture of horse2zebra",
    ),
    "unet": Family(
        "unet",
        translation.read_unet,
        assumes=translation.assume_unet,
        publisher="pix2pix (BSD-2), OMGD",
        proof="names, shapes and size of the published file",
    ),
    "spade": Family(
        "spade",
        translation.read_spade,
        convert=translation.convert_spade,
        assumes=translation.assume_spade,
        publisher="SPADE/GauGAN (CC BY-NC-SA 4.0), GAN Compression (BSD)",
        proof="names, shapes and sizes of published files",
    ),
    "munit": Family(
        "munit",
        translation.read_munit,
        unused=r"dec\..*\.norm\.running_(mean|var)",
        assumes=translation.assume_munit,
        publisher="MUNIT (CC BY-NC-SA 4.0)",
        proof="published size; its programs' formulas",
    ),
    "pix2pixhd": Family(
        "pix2pixhd",
        more_translation.read_pix2pixhd,
        assumes=always(size="as published for Cityscapes; any multiple of its factor works"),
        publisher="pix2pixHD (CC BY-NC-SA 4.0)",
        proof="names as its program writes them; published sizes",
    ),
    "stargan": Family(
        "stargan",
        more_translation.read_stargan,
        publisher="StarGAN (MIT)",
        proof="names as its program writes them",
    ),
    "stargan_v2": Family(
        "stargan_v2",
        more_translation.read_stargan_v2,
        assumes=more_translation.assume_stargan_v2,
        publisher="StarGAN v2 (CC BY-NC 4.0)",
        proof="names as its program writes them",
    ),
    "ugatit": Family(
        "ugatit",
        more_translation.read_ugatit,
        publisher="U-GAT-IT (MIT)",
        proof="names as its program writes them",
    ),
    "animegan": Family(
        "animegan",
        more_translation.read_animegan,
        publisher="animegan2-pytorch (MIT)",
        proof="names as its program writes them",
    ),
    "stylegan2": Family(
        "stylegan2",
        synthesis.read_stylegan2,
        assumes=synthesis.assume_stylegan2,
        publisher="StyleGAN2-ADA (Nvidia Source Code License)",
        proof="names, shapes and size of the published file; its programs' formulas",
    ),
    "stylegan3": Family(
        "stylegan3",
        synthesis.read_stylegan3,
        assumes=synthesis.assume_stylegan3,
        publisher="StyleGAN3 (Nvidia Source Code License)",
        proof="names as its program writes them; filters equal to SciPy's; its formulas",
    ),
    "stylegan2_rosinality": Family(
        "stylegan2",
        synthesis.read_stylegan2,
        convert=rosinality.convert_rosinality,
        assumes=rosinality.assume_rosinality,
        beside=("latent_avg",),
        publisher="rosinality (MIT); MobileStyleGAN, StyleKD, CAGC, DCP-GAN, Anycost's teachers",
        proof="equality with the formulas of its layers, converted both ways",
    ),
    "distylegan": Family(
        "distylegan",
        synthesis.read_distylegan,
        publisher="DiStyleGAN (Apache-2.0)",
        proof="names, shapes and size of the published file",
    ),
    "biggan": Family(
        "biggan",
        more_synthesis.read_biggan,
        convert=more_synthesis.convert_biggan,
        assumes=more_synthesis.assume_biggan,
        publisher="BigGAN-PyTorch (MIT): BigGAN and BigGAN-deep",
        proof="equal to its program (`benchmarks/publishers.py`)",
    ),
    "biggan_converted": Family(
        "biggan",
        more_synthesis.read_converted_biggan,
        convert=more_synthesis.convert_converted_biggan,
        assumes=more_synthesis.assume_converted_biggan,
        publisher="pytorch-pretrained-biggan (MIT), DeepMind's weights of BigGAN-deep",
        proof="equal to its program (`benchmarks/publishers.py`)",
    ),
    "sngan": Family(
        "sngan",
        more_synthesis.read_sngan,
        publisher="mimicry (MIT): SNGAN, SSGAN, InfoMax-GAN, cGAN-PD",
        proof="equal to its program (`benchmarks/publishers.py`)",
    ),
    "fastgan": Family(
        "fastgan",
        more_synthesis.read_fastgan,
        unused=r"to_128\..*",
        assumes=more_synthesis.assume_fastgan,
        publisher="FastGAN-pytorch (GPL-3.0)",
        proof="equal to its program (`benchmarks/publishers.py`)",
    ),
    "hifigan": Family(
        "hifigan",
        more_synthesis.read_hifigan,
        assumes=more_synthesis.assume_hifigan,
        publisher="HiFi-GAN (MIT): V1, V2, V3",
        proof="equal to its program (`benchmarks/publishers.py`)",
    ),
    "dcgan_transposed": Family(
        "dcgan_transposed",
        synthesis.read_dcgan,
        convert=synthesis.convert_dcgan,
        publisher="PyTorch's DCGAN example (BSD-3); many others",
        proof="a published file's names and pictures",
    ),
    "rrdb": Family(
        "rrdb",
        super_resolution.read_rrdb,
        convert=super_resolution.convert_rrdb,
        output_range=(0.0, 1.0),
        publisher="ESRGAN (Apache-2.0), Real-ESRGAN, BasicSR",
        proof="published files: names, sizes, pictures",
    ),
    "srvgg": Family(
        "srvgg",
        super_resolution.read_srvgg,
        output_range=(0.0, 1.0),
        publisher="Real-ESRGAN (BSD-3)",
        proof="a published file: names, size, pictures",
    ),
}

# The group of entry points by which packages add families.
GROUP = "gancompress.families"


@cache
def families() -> dict[str, Family]:
    """All families by name: those here, and those of installed packages.

    Raises:
        TeacherError: a package's entry point is broken, or takes a name that is taken.
    """
    found = dict(FAMILIES)
    for point in entry_points(group=GROUP):
        where = f"entry point {point.name} ({GROUP})"
        try:
            family = point.load()
        except Exception as error:  # whatever fails in another's package
            raise TeacherError(
                f"{where}: {point.value} cannot be loaded: {error!r}; mend or uninstall its package"
            ) from error
        if not isinstance(family, Family):
            raise TeacherError(f"{where}: {point.value} is {type(family).__name__}, not a Family")
        if found.setdefault(point.name, family) is not family:
            raise TeacherError(f"{where}: there is a family of that name; give it another")
    return found
