"""A layer as equations gives what the layer gives, and least squares what numpy gives."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.reconstruction.equations import Equations, split
from gancompress.reconstruction.layer import Layer
from gancompress.reconstruction.reading import read
from gancompress.reconstruction.sampling import held_out, positions


class SelfAttention(nn.Module):
    """The last layer of it is the projection of what the heads give."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]  # type: ignore[no-any-return]


LAYERS = {
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (3, 4, 9)),
    "strided": (nn.Conv2d(4, 6, 3, stride=2, padding=1), (3, 4, 9, 8)),
    "dilated": (nn.Conv2d(4, 6, 3, padding=2, dilation=2), (3, 4, 9, 8)),
    "same": (nn.Conv2d(4, 6, (5, 3), padding="same"), (3, 4, 9, 8)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), (3, 4, 9, 8)),
    "depthwise": (nn.Conv2d(4, 4, 3, groups=4, bias=False), (3, 4, 9, 8)),
    "conv3d": (nn.Conv3d(2, 3, 3, padding=(1, 0, 1)), (3, 2, 5, 4, 6)),
    "transposed1d": (nn.ConvTranspose1d(4, 6, 4, stride=2, padding=1), (3, 4, 9)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1), (3, 4, 5, 6)),
    "transposed groups": (nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2), (3, 4, 5, 6)),
    "transposed dilated": (nn.ConvTranspose2d(4, 3, 3, 2, 1, dilation=2), (3, 4, 5, 6)),
    "transposed phases": (nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), (3, 4, 5, 6)),
    "transposed phases and groups": (
        nn.ConvTranspose2d(4, 6, (4, 3), (2, 3), (1, 0), groups=2, bias=False),
        (3, 4, 5, 6),
    ),
    "linear": (nn.Linear(5, 7), (3, 5)),
    "linear of tokens": (nn.Linear(5, 7, bias=False), (3, 4, 5)),
    "batch norm": (nn.BatchNorm2d(4).eval(), (3, 4, 5, 6)),
    "batch norm of vectors": (nn.BatchNorm1d(4).eval(), (3, 4)),
    "instance norm": (nn.InstanceNorm2d(4, affine=True), (3, 4, 5, 6)),
    "group norm": (nn.GroupNorm(2, 4), (3, 4, 5, 6)),
    "layer norm": (nn.LayerNorm(5), (3, 4, 5)),
    "layer norm of maps": (nn.LayerNorm([4, 5, 6]), (3, 4, 5, 6)),
    "embedding": (nn.Embedding(5, 3), (3, 4)),
    "embedding of classes": (nn.Embedding(5, 3), (30,)),
    "attention": (SelfAttention(batch_first=True), (3, 4, 6)),
    "attention, tokens first": (SelfAttention(batch_first=False), (4, 3, 6)),
}


def given_to(module: nn.Module, shape: tuple[int, ...]) -> Tensor:
    generator = torch.manual_seed(0)
    if isinstance(module, nn.Embedding):
        return torch.randint(module.num_embeddings, shape, generator=generator)
    return torch.randn(shape, dtype=torch.double, generator=generator)


def layer_of(module: nn.Module, given: Tensor) -> tuple[Layer, Tensor]:
    """The last layer in a pass of ``module``, and what it gives."""
    from gancompress.reconstruction.paused import Watch

    calls = []

    def on_call(number: int, func: object, args: tuple, kwargs: dict) -> object:
        if read(func, args, kwargs) is not None:
            calls.append((func, args, kwargs))
        return func(*args, **kwargs)

    with torch.no_grad(), Watch(on_call):
        module(given)
    func, args, kwargs = calls[-1]
    return read(func, args, kwargs), func(*args, **kwargs).detach()


def randomised(module: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    return module.double()


@pytest.mark.parametrize("name", LAYERS)
def test_matrix_times_columns_is_the_layer(name: str) -> None:
    module, shape = LAYERS[name]
    module = randomised(module)
    layer, output = layer_of(module, given_to(module, shape))
    at = positions(layer, 10**9, seed=0)
    made = layer.matrix().mT @ layer.columns(at)
    expected = layer.targets(layer.sampled(output, at))
    torch.testing.assert_close(made, expected)


@pytest.mark.parametrize("name", LAYERS)
def test_tensors_are_the_inverse_of_the_matrix(name: str) -> None:
    module, shape = LAYERS[name]
    layer, _ = layer_of(randomised(module), given_to(module, shape))
    weight, bias = layer.tensors(layer.matrix())
    assert torch.equal(weight, layer.weight)
    assert (bias is None) == (layer.bias is None)
    assert bias is None or torch.equal(bias, layer.bias)


@pytest.mark.parametrize("name", LAYERS)
def test_solution_is_that_of_numpy(name: str) -> None:
    module, shape = LAYERS[name]
    module = randomised(module)
    layer, output = layer_of(module, given_to(module, (60, *shape[1:])))
    at = positions(layer, 10**9, seed=0)
    columns = layer.columns(at)
    noise = 0.1 * torch.randn(output.shape, dtype=torch.double, generator=torch.manual_seed(1))
    targets = layer.targets(layer.sampled(output + noise, at))
    equations = Equations()
    equations.add(columns, targets, torch.arange(columns.shape[2]) % 4 == 3)
    solved = equations.solve(torch.zeros_like(layer.matrix()), ridges=(1e-12,)).matrix
    for group in range(layer.blocks):
        expected = np.linalg.lstsq(columns[group].T.numpy(), targets[group].T.numpy(), rcond=None)
        np.testing.assert_allclose(solved[group].numpy(), expected[0], rtol=1e-6, atol=1e-8)


def test_weights_that_are_right_stay() -> None:
    columns = torch.randn(1, 5, 200, generator=torch.manual_seed(0))
    matrix = torch.randn(1, 5, 3, generator=torch.manual_seed(1))
    equations = Equations()
    equations.add(columns, matrix.mT @ columns, torch.arange(200) % 4 == 3)
    solution = equations.solve(matrix)
    torch.testing.assert_close(solution.matrix, matrix.double(), rtol=1e-6, atol=1e-6)


def test_what_nothing_beats_stays() -> None:
    columns = torch.randn(1, 5, 8, generator=torch.manual_seed(0))
    start = torch.zeros(1, 5, 3)
    equations = Equations()
    # The columns held out contradict the others.
    held = torch.arange(8) % 2 == 1
    equations.add(columns, torch.where(held, 1.0, -1.0) * columns[:, :3], held)
    solution = equations.solve(start)
    assert not solution.changed
    assert torch.equal(solution.matrix, start.double())


def test_padding_of_a_user_is_part_of_the_input() -> None:
    weight = torch.randn(3, 2, 3, 3, generator=torch.manual_seed(0))
    given = torch.randn(2, 2, 5, 5, generator=torch.manual_seed(1))
    padded = F.pad(given, (1, 1, 1, 1), mode="reflect")
    layer = read(F.conv2d, (padded, weight), {})
    at = torch.arange(layer.window.outputs)
    expected = layer.sampled(F.conv2d(padded, weight), at)
    torch.testing.assert_close((layer.matrix().mT @ layer.columns(at))[0], expected)


@pytest.mark.parametrize("sizes", [(8, 8), (3, 5, 2, 1, 1), (1,) * 8, (2,)])
def test_a_quarter_of_the_samples_is_held_out_whole(sizes: tuple[int, ...]) -> None:
    first, held = 0, []
    for size in sizes:
        held.append(held_out(size, first, 6, sum(sizes)))
        first += size
    flags = torch.cat(held)
    assert int(flags.sum()) == flags.numel() // 4
    if sum(sizes) >= 4:
        assert bool((flags.view(-1, 6).any(1) == flags.view(-1, 6).all(1)).all())


@pytest.mark.parametrize("held", [torch.arange(12) % 4 == 3, torch.arange(12) >= 9])
def test_columns_held_out_are_taken_apart_wherever_they_stand(held: Tensor) -> None:
    columns = torch.arange(24).view(1, 2, 12)
    fit, rest = split(columns, held)
    assert torch.equal(fit, columns[:, :, ~held]) and torch.equal(rest, columns[:, :, held])
