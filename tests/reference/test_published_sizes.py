"""Every published size, to the unit and to the digit, and the page that shows them."""

from pathlib import Path

import pytest

from gancompress.generators.published_sizes import PUBLISHED_SIZES
from gancompress.generators.stylegan2 import StyleGAN2Generator
from gancompress.workflows.verify_papers import SizeCheck, to_markdown, verify

_PAGE = Path(__file__).parents[2] / "docs" / "published_sizes.md"


@pytest.fixture(scope="module")
def verdicts() -> list[SizeCheck]:
    return [verify(size) for size in PUBLISHED_SIZES]


def test_every_published_size_is_reproduced(verdicts: list[SizeCheck]) -> None:
    wrong = {f"{v.size.model} {v.size.config}": v.failures for v in verdicts if v.failures}
    assert not wrong


def test_two_configurations_are_reproduced_to_the_last_digit(verdicts: list[SizeCheck]) -> None:
    paper = {v.size.config: v.macs.paper for v in verdicts}
    assert paper["16_16_32_16_16_64_16_24"] == 2_984_771_584
    assert paper["16_16_16_48_64_64_24_16"] == 2_597_322_752


def test_the_page_in_the_documentation_is_current(verdicts: list[SizeCheck]) -> None:
    assert _PAGE.read_text(encoding="utf-8") == to_markdown(verdicts), (
        "write it anew: gancompress verify-papers --markdown > docs/published_sizes.md"
    )


def test_the_mapping_network_of_the_cifar_teacher_has_its_published_size() -> None:
    mapping = StyleGAN2Generator().mapping
    assert sum(parameter.numel() for parameter in mapping.parameters()) == 793_088
