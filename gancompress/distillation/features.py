"""Where the feature terms get their maps: inside both generators, or from a fixed network."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from gancompress.batch import Batch, InputSpec, concatenate, rows
from gancompress.distillation.adapters import Adapters
from gancompress.distillation.feature_network import FeatureNetwork
from gancompress.distillation.kept_maps import KeptMaps, Place
from gancompress.distillation.objective import ADAPTED_TERMS, NETWORK_TERMS, TAPPED_TERMS
from gancompress.distillation.taps import AUTO, Tap, find_taps, tapped
from gancompress.distillation.terms import Maps
from gancompress.errors import RecipeError

# How far the latents of `latent_directions` are moved, in standard deviations of every coordinate.
MOVE = 0.5


@dataclass(frozen=True, eq=False)
class Features:
    """What the feature terms of a recipe compare.

    Attributes:
        teacher: the white box; None where no term looks inside.
        taps: of each term that does.
        networks: of each term that looks through a fixed network.
        adapters: for the terms that compare channel with channel; None where there are none.
        kept: holds what was seen of the teacher before; None to look anew in every step.
    """

    teacher: nn.Module | None
    taps: Mapping[str, tuple[Tap, ...]]
    networks: Mapping[str, FeatureNetwork]
    adapters: Adapters | None
    kept: KeptMaps | None = None

    @property
    def terms(self) -> list[str]:
        """All that look at maps."""
        return [*self.taps, *self.networks]

    def in_student(self, terms: Iterable[str]) -> list[str]:
        """The submodules of the student that ``terms`` look at."""
        found = [tap.student for term in terms for tap in self.taps.get(term, ())]
        return list(dict.fromkeys(found))

    @torch.no_grad()
    def of_teacher(
        self,
        terms: Iterable[str],
        batch: Batch,
        target: Tensor,
        moved: Batch | None,
        numbers: Sequence[int],
    ) -> dict[str, list[list[Tensor]]]:
        """The teacher's maps by term; for ``latent_directions`` those of moved latents as well.

        Args:
            terms: in use.
            batch: inputs.
            target: the teacher's outputs for them.
            moved: the inputs with moved latents, where a term wants them.
            numbers: of the pairs.
        """
        places = {term: self._places(term) for term in terms}
        seen: Mapping[Place, Tensor]
        if self.kept is None:
            seen = self.seen(places, batch, target)
        else:
            # Of all terms, so that one which is not in use at first finds the maps later.
            seen = self.kept(numbers, partial(self._seen_of, batch, target))
        found = {term: [[seen[p] for p in own]] for term, own in places.items() if own}
        if moved is not None:
            maps = self._run(["latent_directions"], moved)
            found["latent_directions"].append(
                [maps[tap.teacher] for tap in self.taps["latent_directions"]]
            )
        return found

    @torch.no_grad()
    def seen(self, terms: Iterable[str], batch: Batch, target: Tensor) -> dict[Place, Tensor]:
        """All that ``terms`` look at of the teacher, given its inputs and outputs."""
        terms = list(terms)
        maps = self._run([term for term in terms if term in self.taps], batch)
        found: dict[Place, Tensor] = {(None, name): value for name, value in maps.items()}
        for network, levels in self._through_networks(terms, target).items():
            found |= {(network, name): x for name, x in zip(network.taps, levels, strict=True)}
        return found

    def _seen_of(self, batch: Batch, target: Tensor, chosen: Sequence[int]) -> dict[Place, Tensor]:
        """:meth:`seen` of some samples. They are cut out: an index would have to go to a GPU."""
        cuts = [slice(row, row + 1) for row in chosen]
        return self.seen(
            self.terms,
            concatenate([rows(batch, cut) for cut in cuts]),
            torch.cat([target[cut] for cut in cuts]),
        )

    def _places(self, term: str) -> list[Place]:
        if term in self.networks:
            return [(self.networks[term], name) for name in self.networks[term].taps]
        return [(None, tap.teacher) for tap in self.taps.get(term, ())]

    def compared(
        self,
        terms: Iterable[str],
        maps: Mapping[str, Tensor],
        moved_maps: Mapping[str, Tensor],
        output: Tensor,
        teacher: Mapping[str, list[list[Tensor]]],
    ) -> dict[str, tuple[Maps, ...]]:
        """The arguments of every feature term in use.

        Args:
            terms: in use.
            maps: of the subnet, by submodule.
            moved_maps: of the subnet for moved latents.
            output: the subnet's.
            teacher: what :meth:`of_teacher` gave.
        """
        terms = list(terms)
        found: dict[str, tuple[Maps, ...]] = {}
        for term in terms:
            if term not in self.taps:
                continue
            ours = [maps[tap.student] for tap in self.taps[term]]
            if term == "latent_directions":
                moved = [moved_maps[tap.student] for tap in self.taps[term]]
                found[term] = (ours, moved, *teacher[term])
            elif term == "channel_means":
                assert self.adapters is not None
                found[term] = (self.adapters(term, ours), *teacher[term])
            elif term == "adapted":
                assert self.adapters is not None
                found[term] = (ours, *teacher[term], *self.adapters.of(term))
            else:
                found[term] = (ours, *teacher[term])
        seen = self._through_networks(terms, output)
        for term in terms:
            if term in self.networks:
                found[term] = (seen[self.networks[term]], *teacher[term])
        return found

    def _run(self, terms: Sequence[str], batch: Batch) -> dict[str, Tensor]:
        if not terms:
            return {}
        assert self.teacher is not None
        names = {tap.teacher for term in terms for tap in self.taps[term]}
        with tapped(self.teacher, sorted(names)) as maps:
            self.teacher(**batch)
        return maps

    def _through_networks(
        self, terms: Iterable[str], images: Tensor
    ) -> dict[FeatureNetwork, list[Tensor]]:
        # Terms that look through the same network share one pass.
        used = dict.fromkeys(self.networks[term] for term in terms if term in self.networks)
        return {network: network.maps(images) for network in used}


def moved_latents(batch: Batch, inputs: InputSpec) -> Batch:
    """``batch`` with every latent moved along one random direction, the same for all samples."""
    return {
        name: value + MOVE * torch.randn_like(value[:1]) if _is_latent(inputs[name].kind) else value
        for name, value in batch.items()
    }


def prepare_features(
    terms: Iterable[str],
    *,
    student: nn.Module,
    teacher: nn.Module | None,
    batch: Batch,
    inputs: InputSpec,
    taps: Mapping[str, Sequence[str]],
    networks: Mapping[str, FeatureNetwork],
    seed: int,
) -> Features:
    """Find the taps of every feature term and make its adapters.

    Args:
        terms: names of the recipe's terms.
        student: the supernet's module.
        teacher: the white box, or None for a black one.
        batch: inputs to run both on, once.
        inputs: their specification.
        taps: of each term as :func:`gancompress.distillation.taps.find_taps` wants them.
        networks: of each term that has one.
        seed: of the adapters.

    Raises:
        RecipeError: a term needs what is not there, or a tap does not exist.
    """
    terms = list(terms)
    inside = [term for term in terms if term in TAPPED_TERMS]
    if inside and teacher is None:
        raise RecipeError(
            f"distill.terms: {', '.join(inside)}: compare features inside the teacher, which is a "
            "black box (only its outputs are known); give a teacher file, or leave these out"
        )
    missing = [term for term in terms if term in NETWORK_TERMS and term not in networks]
    if missing:
        raise RecipeError(f"distill.terms.{missing[0]}.network: missing; name a feature network")
    if "latent_directions" in terms and not any(_is_latent(e.kind) for e in inputs.values()):
        raise RecipeError("distill.terms: latent_directions: the teacher has no latent to move")
    found = {}
    for term in inside:
        assert teacher is not None
        found[term] = find_taps(student, teacher, batch, taps.get(term, (AUTO,)))
    adapted = {term: found[term] for term in inside if term in ADAPTED_TERMS}
    return Features(
        teacher if inside else None,
        found,
        {term: networks[term] for term in terms if term in NETWORK_TERMS},
        Adapters(adapted, seed) if adapted else None,
    )


def _is_latent(kind: str) -> bool:
    return kind in ("normal", "truncated_normal", "uniform")
