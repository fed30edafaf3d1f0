"""What loss terms beside L1 bring a small generator, from the same start in as many updates.

    python -m benchmarks.terms faces [--steps 600] [--terms l1 wavelet …]

The start of each is what :mod:`benchmarks.contest` calls ``ours``: searched widths, solved weights;
data, batches, learning rate and judge are the same as there. ``minutes`` are of the processor.

============== ==================================================================================
l1             alone
ssim           structural similarity (Wang et al. 2004)
frequency      the whole spectrum (after Fuoli et al. 2021)
wavelet        details of Haar's wavelets (Zhang et al. 2022)
perceptual     maps of SqueezeNet at 64² (Johnson et al. 2016)
mmd            their means, a batch as a set (Gretton et al. 2012; DiME)
dcd            maps and logits of a discriminator that learns along (DCD, TinyGAN, DiStyleGAN)
============== ==================================================================================

Several at once: ``ssim+dcd``. Rows that the file holds of other terms stay in it. SqueezeNet judges
as well: for ``perceptual`` and ``mmd`` only the ResNet-20 is a stranger.
"""

import copy
from dataclasses import asdict, replace
from time import process_time

from torch import nn

from benchmarks import flagships
from benchmarks.contest import SETTINGS, Measured, kept_in, pairs_of, trained
from benchmarks.contestants import Contest, Entrant, ours
from benchmarks.flagships import SHARED
from benchmarks.record import known, record
from benchmarks.start import arguments_of, parser_of
from gancompress.distillation.options import TermOptions
from gancompress.generators.build import build
from gancompress.metrics.feature_network import open_network
from gancompress.metrics.tapped import AUTO

NETWORK = f"squeezenet@64:{SHARED / 'weights' / 'squeezenet1_0-imagenet.safetensors'}"

TERMS: dict[str, dict[str, TermOptions]] = {
    "l1": {},
    "ssim": {"ssim": TermOptions(weight=0.2)},
    "frequency": {"frequency": TermOptions(weight=0.2)},
    "wavelet": {"wavelet": TermOptions(weight=0.3)},
    "perceptual": {"perceptual": TermOptions(weight=0.01)},
    "mmd": {"mmd": TermOptions(weight=0.5)},
    "dcd": {
        "discriminator_features": TermOptions(),
        "adversarial": TermOptions(weight=0.02),
    },
}


def discriminator(names: list[str], side: int) -> nn.Module | None:
    """The one that ``dcd`` needs."""
    if "dcd" not in names:
        return None
    return build("distylegan_discriminator", classes=0, width=32, resolution=side)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("flagship", nargs="?", default="faces")
    parser.add_argument("--steps", type=int, default=600, help="of the training")
    parser.add_argument("--terms", nargs="+", default=list(TERMS))
    options = arguments_of(parser, steps=2, terms=["l1", "wavelet", "dcd"])
    name, setting = options.flagship, SETTINGS[options.flagship]
    what, training = flagships.FLAGSHIPS[name](), replace(setting.training, steps=options.steps)
    pairs, judge = pairs_of(name, what, kept_in() / name), Measured(what)
    contest = Contest(what, pairs, setting.share, training, seed=0)
    start = ours(contest)
    network = open_network("terms", NETWORK, (AUTO,), "cpu")
    side = pairs.batch([0])[1].shape[-1]
    rows = [row for row in known(f"terms_{name}") if row["terms"] not in options.terms]
    for term in options.terms:
        names = term.split("+")
        loss = {"l1": TermOptions()} | {k: v for one in names for k, v in TERMS[one].items()}
        begun = process_time()
        entrant = Entrant(
            copy.deepcopy(start.module),
            start.subnet,
            loss,
            discriminator=discriminator(names, side),
            features={one: network for one in names if one in ("perceptual", "mmd")},
        )
        found = judge(trained(contest, entrant))
        rows.append({"terms": term, **found, "minutes": round((process_time() - begun) / 60, 2)})
        record(f"terms_{name}", rows, training=asdict(training), subnet=start.subnet)


if __name__ == "__main__":
    main()
