"""Where the feature terms get their maps: inside both generators, or from a fixed network."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from gancompress.batch import Batch, InputSpec, concatenate, rows
from gancompress.distillation.adapters import Adapters, adapted
from gancompress.distillation.batch import StepBatch
from gancompress.distillation.map_cache import MapCache, Place
from gancompress.distillation.objective import Objective
from gancompress.distillation.taps import Tap, find_taps
from gancompress.distillation.terms.term import FeatureMaps
from gancompress.errors import RecipeError
from gancompress.metrics.feature_network import FeatureNetwork
from gancompress.metrics.tapped import tapped


@dataclass(frozen=True)
class Networks:
    """The networks that loss terms need beside the supernet; any may be missing.

    Attributes:
        teacher: a white box, whose feature maps can be compared.
        discriminator: ``network(image, **conditions)`` gives (logits, maps).
        features: of each term that compares feature maps in a fixed network, by term.
    """

    teacher: nn.Module | None = None
    discriminator: nn.Module | None = None
    features: Mapping[str, FeatureNetwork] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherMaps:
    """The teacher's maps of one microbatch by term, shallow to deep; for perturbed latents too."""

    maps: Mapping[str, list[Tensor]]
    perturbed: Mapping[str, list[Tensor]]


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureProvider:
    """Computes the maps that the feature terms of a training compare.

    Attributes:
        teacher: the white box; None where no term compares maps inside it.
        taps: of each term that does.
        networks: of each term that compares maps of a fixed network.
        adapters: 1×1 convolutions of the terms that need them; None where there are none.
        adapted: the terms that compare the outputs of their adapters.
        perturbed: the terms that compare maps for perturbed latents as well.
        cache: keeps the teacher's maps; None to compute them in every step.
    """

    teacher: nn.Module | None = None
    taps: Mapping[str, tuple[Tap, ...]] = field(default_factory=dict)
    networks: Mapping[str, FeatureNetwork] = field(default_factory=dict)
    adapters: Adapters | None = None
    adapted: frozenset[str] = frozenset()
    perturbed: frozenset[str] = frozenset()
    cache: MapCache | None = None

    @property
    def terms(self) -> list[str]:
        """All terms that compare maps."""
        return [*self.taps, *self.networks]

    def student_modules(self, terms: Iterable[str]) -> list[str]:
        """The submodules of the student whose outputs ``terms`` compare."""
        found = [tap.student for term in terms for tap in self.taps.get(term, ())]
        return list(dict.fromkeys(found))

    @torch.no_grad()
    def of_teacher(self, terms: Iterable[str], batch: StepBatch) -> TeacherMaps:
        """The teacher's maps of a microbatch, for the terms in use."""
        inputs, target = batch.inputs, batch.teacher.images
        places = {term: self._places(term) for term in terms}
        maps: Mapping[Place, Tensor]
        if self.cache is None:
            maps = self.compute(places, inputs, target)
        else:
            # Of all terms, so that one which is not in use at first finds its maps later.
            maps = self.cache(batch.pair_numbers, partial(self._compute_rows, inputs, target))
        found = {term: [maps[place] for place in own] for term, own in places.items() if own}
        perturbed = {}
        if batch.perturbed is not None:
            names = [term for term in places if term in self.perturbed]
            inside = self._run(names, batch.perturbed)
            perturbed = {name: [inside[tap.teacher] for tap in self.taps[name]] for name in names}
        return TeacherMaps(found, perturbed)

    @torch.no_grad()
    def compute(self, terms: Iterable[str], inputs: Batch, target: Tensor) -> dict[Place, Tensor]:
        """The teacher's maps that ``terms`` compare, given its inputs and outputs."""
        terms = list(terms)
        inside = self._run([term for term in terms if term in self.taps], inputs)
        found: dict[Place, Tensor] = {(None, name): value for name, value in inside.items()}
        for network, levels in self._through_networks(terms, target).items():
            found |= {(network, name): x for name, x in zip(network.taps, levels, strict=True)}
        return found

    def _compute_rows(
        self, inputs: Batch, target: Tensor, chosen: Sequence[int]
    ) -> dict[Place, Tensor]:
        """:meth:`compute` of some samples. They are cut out: an index would have to go to a GPU."""
        cuts = [slice(row, row + 1) for row in chosen]
        return self.compute(
            self.terms,
            concatenate([rows(inputs, cut) for cut in cuts]),
            torch.cat([target[cut] for cut in cuts]),
        )

    def _places(self, term: str) -> list[Place]:
        if term in self.networks:
            return [(self.networks[term], name) for name in self.networks[term].taps]
        return [(None, tap.teacher) for tap in self.taps.get(term, ())]

    def compared(
        self,
        terms: Iterable[str],
        output: Tensor,
        maps: Mapping[str, Tensor],
        perturbed: Mapping[str, Tensor],
        teacher: TeacherMaps,
    ) -> dict[str, FeatureMaps]:
        """The maps of every feature term in use, of one subnet and the teacher.

        Args:
            terms: in use.
            output: of the subnet.
            maps: of the subnet, by submodule.
            perturbed: of the subnet for perturbed latents.
            teacher: from :meth:`of_teacher`.
        """
        terms = list(terms)
        found: dict[str, FeatureMaps] = {}
        for term in terms:
            if term not in self.taps:
                continue
            weights, biases = self.adapters.of(term) if self.adapters is not None else ([], [])
            moved = term in self.perturbed
            own = [maps[tap.student] for tap in self.taps[term]]
            found[term] = FeatureMaps(
                student=adapted(own, weights, biases) if term in self.adapted else own,
                teacher=teacher.maps[term],
                student_perturbed=[perturbed[t.student] for t in self.taps[term]] if moved else (),
                teacher_perturbed=teacher.perturbed[term] if moved else (),
                weights=weights,
                biases=biases,
            )
        seen = self._through_networks(terms, output)
        for term in terms:
            if term in self.networks:
                own = seen[self.networks[term]]
                found[term] = FeatureMaps(student=own, teacher=teacher.maps[term])
        return found

    def _run(self, terms: Sequence[str], inputs: Batch) -> dict[str, Tensor]:
        if not terms:
            return {}
        assert self.teacher is not None
        names = {tap.teacher for term in terms for tap in self.taps[term]}
        with tapped(self.teacher, sorted(names)) as maps:
            self.teacher(**inputs)
        return maps

    def _through_networks(
        self, terms: Iterable[str], images: Tensor
    ) -> dict[FeatureNetwork, list[Tensor]]:
        # Terms with the same network share one pass.
        used = dict.fromkeys(self.networks[term] for term in terms if term in self.networks)
        return {network: network.maps(images) for network in used}


def prepare_features(
    objective: Objective,
    networks: Networks,
    student: nn.Module,
    *,
    inputs: InputSpec,
    batch: Batch,
    seed: int,
) -> FeatureProvider:
    """Find the taps of every feature term and make its adapters.

    Args:
        objective: the terms.
        networks: what they need.
        student: the supernet's module.
        inputs: the input specification.
        batch: inputs that student and teacher are run on, to find the taps.
        seed: of the adapters.

    Raises:
        RecipeError: a term needs what is not there, or a tap does not exist.
    """
    tapping, teacher = objective.needing("taps"), networks.teacher
    if tapping and teacher is None:
        raise RecipeError(
            f"distill.terms: {', '.join(tapping)}: compare features inside the teacher, which is a "
            "black box (only its outputs are known); give a teacher file, or leave these out"
        )
    through_network = objective.needing("feature_network")
    for name in through_network:
        if name not in networks.features:
            raise RecipeError(f"distill.terms.{name}.network: missing; name a feature network")
    for name, one in objective.terms.items():
        if problem := one.term.check(inputs):
            raise RecipeError(f"distill.terms: {name}: {problem}")
    taps = {}
    for name in tapping:
        assert teacher is not None
        taps[name] = find_taps(student, teacher, batch, objective.terms[name].options.taps)
    adapting = objective.needing("adapted_maps")
    with_adapters = {
        name: taps[name] for name in tapping if name in (*adapting, *objective.needing("adapters"))
    }
    return FeatureProvider(
        teacher=teacher if tapping else None,
        taps=taps,
        networks={name: networks.features[name] for name in through_network},
        adapters=Adapters(with_adapters, seed) if with_adapters else None,
        adapted=frozenset(adapting),
        perturbed=frozenset(objective.needing("perturbed_latents")),
    )
