"""Starting from weights in a file."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from gancompress.errors import DataError
from gancompress.training.checkpoint import save_checkpoint
from gancompress.training.weights import load_weights


def network(seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(3, 2)


@pytest.mark.parametrize("name", ["state.safetensors", "state.pt", "teach.pt"])
def test_weights_are_read_from_each_kind_of_file(name: str, tmp_path: Path) -> None:
    given, path = network(1), tmp_path / name
    if name == "state.safetensors":
        safetensors.torch.save_file(given.state_dict(), path)
    elif name == "state.pt":
        torch.save(given.state_dict(), path)
    else:
        save_checkpoint(path, {"generator": network(2), "discriminator": given}, {"step": 1})
    module = network(0)
    load_weights(module, path, "here")
    assert torch.equal(module.weight, given.weight)


def test_files_that_do_not_fit_are_refused_with_their_place(tmp_path: Path) -> None:
    other, damaged = tmp_path / "other.pt", tmp_path / "damaged.pt"
    torch.save(nn.Linear(4, 2).state_dict(), other)
    damaged.write_bytes(b"\x00" * 10)
    for path, words in (
        (other, "size mismatch"),
        (damaged, "no weights of this"),
        (tmp_path / "no", "no such"),
    ):
        with pytest.raises(DataError, match=f"distill.discriminator.file: .*{words}"):
            load_weights(network(0), path, "distill.discriminator.file")


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("ran",)

    torch.save({"weight": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(DataError):
        load_weights(network(0), tmp_path / "evil.pt", "here")
