"""`teach` with the objective ``semantic``: a label map to the image that belongs to it."""

from gancompress.distill.feature_network import open_network
from gancompress.elastic.student import Student
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.teach.paired import FeatureMaps, Wishes
from gancompress.workflows.teach_paired import teach_pairs
from gancompress.workflows.teacher_data import expanded


def teach_semantic(recipe: Recipe, run: RunDir) -> Student:
    """Train the recipe's generator as GauGAN does; its provenance says on what."""
    keys = recipe.teach.semantic
    if keys.perceptual and not keys.network:
        raise RecipeError(
            "teach.semantic.network: missing; teach.semantic.perceptual compares the maps of a "
            "network, e.g. squeezenet:FILE or torchvision:vgg16"
        )

    def wishes(device: str) -> Wishes:
        network: FeatureMaps | None = None
        if keys.perceptual:
            named = expanded(keys.network)
            network = open_network("teach.semantic", named, keys.taps, device).maps
        return Wishes(features=keys.features, perceptual=keys.perceptual, network=network)

    return teach_pairs(recipe, run, wishes)
