"""The published families whose files are recognised, one entry each."""

from gancompress.teachers.family import Family
from gancompress.teachers.readers import super_resolution, synthesis, translation

FAMILIES: dict[str, Family] = {
    "resnet": Family(
        "resnet",
        translation.read_resnet,
        convert=translation.convert_resnet,
        assumes=translation.assume_resnet,
    ),
    "unet": Family("unet", translation.read_unet, assumes=translation.assume_unet),
    "spade": Family(
        "spade",
        translation.read_spade,
        convert=translation.convert_spade,
        assumes=translation.assume_spade,
    ),
    "munit": Family(
        "munit",
        translation.read_munit,
        unused=r"dec\..*\.norm\.running_(mean|var)",
        assumes=translation.assume_munit,
    ),
    "stylegan2": Family("stylegan2", synthesis.read_stylegan2, assumes=synthesis.assume_stylegan2),
    "distylegan": Family("distylegan", synthesis.read_distylegan),
    "dcgan_transposed": Family(
        "dcgan_transposed", synthesis.read_dcgan, convert=synthesis.convert_dcgan
    ),
    "rrdb": Family(
        "rrdb",
        super_resolution.read_rrdb,
        convert=super_resolution.convert_rrdb,
        output_range=(0.0, 1.0),
    ),
    "srvgg": Family("srvgg", super_resolution.read_srvgg, output_range=(0.0, 1.0)),
}
