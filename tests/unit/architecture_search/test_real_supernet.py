import numpy as np
import pytest
import torch

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.study import StudySpec, cost_function, search
from gancompress.supernet.space import Subnet

from .real import SAMPLES, real_score, real_supernet
from .synthetic import every_subnet


@pytest.fixture(scope="module")
def enumerated():
    supernet = real_supernet()
    score = real_score(supernet, samples=4)
    subnets = [Subnet(row) for row in every_subnet(supernet.space).tolist()]
    return supernet, score, {subnet: score(subnet, 0) for subnet in subnets}


@pytest.mark.parametrize("budget", ["1/3", "1/2"])
def test_the_best_subnet_of_a_real_supernet_is_found_with_a_tenth_of_the_evaluations(
    enumerated, budget, tmp_path
):
    supernet, _, scores = enumerated
    subnets = list(scores)
    costs = supernet.cost_model.costs(np.array(subnets))["macs"]
    limit = Budget.parse(macs=budget).limits({"macs": costs.max()})["macs"]
    inside = [scores[s]["l1"] for s, cost in zip(subnets, costs, strict=True) if cost <= limit]
    stage = Stage("paired", {"l1": "minimize"}, lambda s, seed: scores[s], len(subnets) // 10)
    front = search(
        supernet.space, cost_function(supernet.cost_model), [stage], Budget.parse(macs=budget),
        StudySpec(storage=tmp_path / "journal", name="s", fingerprint="", seed=0),
    )  # fmt: skip
    chosen = front.best(Budget.parse(macs=budget), {"macs": float(costs.max())})
    assert chosen.scores["paired", "l1"] == min(inside)
    rival = front.uniform_baseline(chosen)
    assert rival is None or chosen.scores["paired", "l1"] <= rival.scores["paired", "l1"]


def test_scores_are_those_of_the_extracted_subnet(enumerated):
    supernet, _, scores = enumerated
    subnet = supernet.space.uniform(0.5)
    small = supernet.extract(subnet).eval()
    with torch.no_grad():
        distance = (small(SAMPLES[:4]) - supernet(SAMPLES[:4])).abs().mean()
    assert scores[subnet]["l1"] == pytest.approx(float(distance), rel=1e-4)
    assert scores[supernet.space.largest]["l1"] == 0
