"""From a recipe's words to what a distillation looks through."""

import pytest

from gancompress.distillation.options import DistillOptions, TermOptions
from gancompress.workflows.distill import feature_networks

LOOKER = "tests.unit.distillation.test_features:extractor"


def test_a_feature_network_may_be_named_through_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKER", LOOKER)
    keys = DistillOptions(
        terms={"style": TermOptions(network="$LOOKER"), "perceptual": TermOptions(network=LOOKER)}
    )
    found = feature_networks(keys, "cpu")
    # Terms may share one.
    assert found["style"] is found["perceptual"]
