"""`teach` with the objective ``semantic``: a label map to the image that belongs to it."""

from accelerate import Accelerator

from gancompress.assemble.samples import Samples
from gancompress.assemble.teach_paired import setup_in_pairs
from gancompress.assemble.teacher_data import expanded
from gancompress.assemble.training_setup import TrainingSetup
from gancompress.errors import RecipeError
from gancompress.metrics.feature_network import open_network
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teach.paired import FeatureMaps, PairedLosses
from gancompress.training.engine import TrainingLogger


def semantic_setup(
    recipe: Recipe, run: RunDir, accelerator: Accelerator, logger: TrainingLogger, samples: Samples
) -> TrainingSetup:
    """Prepare the recipe's generator to be trained as GauGAN does."""
    options = recipe.teach.semantic
    network: FeatureMaps | None = None
    if options.perceptual:
        if not options.network:
            raise RecipeError(
                "teach.semantic.network: missing; teach.semantic.perceptual compares the maps of a "
                "network, e.g. squeezenet:FILE or torchvision:vgg16"
            )
        named, device = expanded(options.network), str(accelerator.device)
        network = open_network("teach.semantic", named, options.taps, device).maps
    losses = PairedLosses(features=options.features, perceptual=options.perceptual, network=network)
    return setup_in_pairs(recipe, accelerator, logger, samples, losses)
