"""Time and memory of Lie derivatives, as ratios measured in one run.

The formulation to beat is the published one: the image is resampled with a parameter, and the
derivative in that parameter is taken by differentiating backwards twice, as reverse-mode
differentiation has to do for a derivative along a direction. Both run the same networks.
"""

from __future__ import annotations

import math

import pytest
import torch
from timing import best_times, peak_growth
from torch import Tensor, nn
from torch.nn import functional

from utils.lie import generator, lie_derivative, lie_derivatives, standard_generators
from utils.models.rotation_cnn import RotationCNN


class Attention(nn.Module):
    """Attention written out, four heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self.project(tokens).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class Swapped(nn.Module):
    """Apply a module across tokens."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, tokens: Tensor) -> Tensor:
        return self.module(tokens.transpose(1, 2)).transpose(1, 2)


class Blocks(nn.Module):
    """Patches of four pixels, and blocks that mix tokens and channels: a ViT or a Mixer."""

    def __init__(self, kind: str, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, stride=4)
        self.positions = nn.Parameter(0.02 * torch.randn(1, 49, width))

        def mlp(inside: int, hidden: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(inside, hidden), nn.GELU(), nn.Linear(hidden, inside))

        steps: list[nn.Module] = []
        for _ in range(depth):
            mixing = Attention(width) if kind == "vit" else Swapped(mlp(49, 64))
            steps += [nn.Sequential(nn.LayerNorm(width), mixing)]
            steps += [nn.Sequential(nn.LayerNorm(width), mlp(width, 2 * width))]
        self.steps, self.head = nn.ModuleList(steps), nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        for step in self.steps:
            x = x + step(x)
        return self.head(x.mean(dim=1))


def network(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind != "cnn":
        return Blocks(kind).eval()
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    ).eval()


def digits(count: int) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def turned(images: Tensor, t: Tensor) -> Tensor:
    """Turn images by bilinear resampling, in operations that can be differentiated twice.

    Beyond the border the image is reflected, as in the published code.
    """

    def inside(places: Tensor) -> Tensor:
        return (size - 1 - (size - 1 - places).abs()).abs()

    size = images.shape[-1]
    cosine, sine = torch.cos(t), torch.sin(t)
    zero = torch.zeros_like(t)
    back = torch.stack([torch.stack([cosine, -sine, zero]), torch.stack([sine, cosine, zero])])
    grid = functional.affine_grid(
        back.expand(len(images), 2, 3), list(images.shape), align_corners=True
    )
    x, y = ((grid + 1) / 2 * (size - 1)).unbind(-1)
    left, top = x.detach().floor(), y.detach().floor()
    flat = images.flatten(2)
    moved = torch.zeros_like(images)
    for across in (0, 1):
        for down in (0, 1):
            columns, rows = left + across, top + down
            weight = (x - left if across else 1 - x + left) * (y - top if down else 1 - y + top)
            places = inside(rows) * size + inside(columns)
            index = places.long().flatten(1)[:, None].expand(-1, images.shape[1], -1)
            moved = moved + flat.gather(2, index).reshape(images.shape) * weight[:, None]
    return moved


def by_double_backward(model: nn.Module, images: Tensor) -> Tensor:
    """The derivative along t: backwards once for J^T v, and once more, in v, for J."""
    t = torch.zeros((), requires_grad=True)
    outputs = model(turned(images, t))
    dummy = torch.zeros_like(outputs, requires_grad=True)
    (slope,) = torch.autograd.grad(outputs, t, dummy, create_graph=True)
    (derivative,) = torch.autograd.grad(slope, dummy)
    return derivative


KINDS = ["cnn", "vit", "mixer"]


@pytest.mark.parametrize("kind", KINDS)
def test_both_compute_the_same(kind):
    model, images = network(kind).double(), digits(4).double()
    torch.set_default_dtype(torch.float64)
    try:
        expected = by_double_backward(model, images)
    finally:
        torch.set_default_dtype(torch.float32)
    turn = generator("rotation", gradient="bilinear")
    found = lie_derivative(model, images, turn)[1]
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("count", "least"), [(8, 2), (32, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_nine_generators_against_a_loop(kind, count, least):
    """All nine in one run, at least twice as fast as one run for each, with a few images.

    With many images only the arithmetic counts. One run then has the outputs once and the tangents
    nine times, the loop both nine times; if they cost the same, that is a factor of 1.8 at best.
    """
    model, images, moves = network(kind), digits(count), standard_generators()

    def together() -> Tensor:
        return lie_derivatives(model, images, moves)[1]

    def loop() -> Tensor:
        return torch.stack([lie_derivative(model, images, move)[1] for move in moves])

    assert torch.allclose(together(), loop(), rtol=1e-4, atol=1e-5)
    fast, slow = best_times(together, loop, 5)
    print(
        f"\n{kind}, nine generators, {count} images: {1000 * fast:.0f} ms, "
        f"loop {1000 * slow:.0f} ms, ratio {slow / fast:.2f}"
    )
    assert slow / fast >= least


@pytest.mark.parametrize("kind", KINDS)
def test_time_against_double_backward(kind):
    """One generator: not slower than the published formulation."""
    model, images, turn = network(kind), digits(64), generator("rotation")
    fast, slow = best_times(
        lambda: lie_derivative(model, images, turn), lambda: by_double_backward(model, images), 5
    )
    print(
        f"\n{kind}, one generator: {1000 * fast:.0f} ms, double backward {1000 * slow:.0f} ms, "
        f"ratio {fast / slow:.2f}"
    )
    assert fast < 1.2 * slow


SMALL = {"tiny": 80, "cnn": 25, "C_8": 9}
START = 0.002


@pytest.mark.parametrize("count", [64, 256])
@pytest.mark.parametrize("kind", SMALL)
def test_what_the_check_of_tangents_costs(kind, count):
    """One flow: about a tenth of the time, beside a start of one to two milliseconds.

    The start is that of some thirty operations on single images. It is all that can be seen of the
    check with the smallest network, which takes three milliseconds for 64 images.
    """
    torch.manual_seed(0)
    tiny = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(576, 5)
    )
    model = {"tiny": lambda: tiny, "cnn": lambda: network("cnn"), "C_8": RotationCNN}[kind]().eval()
    images, turn = digits(count), generator("rotation")
    with_check, without = best_times(
        lambda: lie_derivative(model, images, turn),
        lambda: lie_derivative(model, images, turn, verify=False),
        SMALL[kind],
    )
    print(f"\n{kind}, {count} images: {1000 * without:.1f} ms, checked {with_check / without:.2f}")
    assert with_check <= 1.15 * without + START


def preparation(kind: str) -> str:
    """Return the code that makes a network and digits, and has run everything once."""
    return f"""
from test_bench_lie import by_double_backward, digits, network
from utils.lie import generator, lie_derivative, lie_derivatives, standard_generators

model, turn, nine = network({kind!r}), generator("rotation"), standard_generators()
by_double_backward(model, digits(1))
lie_derivatives(model, digits(1), nine)
images = digits(256)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_memory_against_double_backward(kind):
    """At most 0.6 times the memory of the published formulation, 256 images of 28 x 28."""
    own = peak_growth(preparation(kind), "lie_derivative(model, images, turn)")
    published = peak_growth(preparation(kind), "by_double_backward(model, images)")
    print(
        f"\n{kind}: {own:.0f} MB more, double backward {published:.0f} MB more, "
        f"ratio {own / published:.2f}"
    )
    assert own > 4  # the measure sees something
    assert own <= 0.6 * published
