"""Generators of transformations: against moved images, group relations, and other grids.

Images are sums of Gaussians, which can be moved exactly by moving the point at which they are
evaluated; no resampling is involved in what a generator is compared with.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from utils.generators import (
    GENERATORS,
    Generator,
    Image,
    RegularField,
    Tokens,
    Trivial,
    affine_generator,
    generator,
    standard_generators,
)

ROWS, COLUMNS = 40, 36
FRAME = (ROWS, COLUMNS)
SPATIAL = [name for name in GENERATORS if name != "brightness"]
Flow = Callable[[float, Tensor, Tensor], tuple[Tensor, Tensor]]

# Where the point (x, y) comes from, a time t ago: x to the right, y downwards.
PAST: dict[str, Flow] = {
    "translation_x": lambda t, x, y: (x - t, y),
    "translation_y": lambda t, x, y: (x, y - t),
    # Counter-clockwise on the page: what is at the right goes up, to smaller y.
    "rotation": lambda t, x, y: (
        math.cos(t) * x - math.sin(t) * y,
        math.sin(t) * x + math.cos(t) * y,
    ),
    "scale": lambda t, x, y: (math.exp(-t) * x, math.exp(-t) * y),
    "shear_x": lambda t, x, y: (x - t * y, y),
    "shear_y": lambda t, x, y: (x, y - t * x),
    "stretch": lambda t, x, y: (math.exp(-t) * x, y),
    "hyperbolic_rotation": lambda t, x, y: (
        math.cosh(t) * x - math.sinh(t) * y,
        math.cosh(t) * y - math.sinh(t) * x,
    ),
}

# centre x, centre y, width, height; two channels of two blobs, off-centre and not symmetric
BLOBS = [[(4.0, -3, 2.6, 1), (-3, 2, 2.5, 0.5)], [(-2, -4, 2.5, 1), (1, 4, 2.6, -1)]]


def blobs(flow: Flow | None = None, t: float = 0.0, stride: float = 1, start: float = 0) -> Tensor:
    """Two images of two Gaussians, moved exactly, sampled at every ``stride``-th pixel."""
    y = torch.arange(start, ROWS, stride, dtype=torch.float64) - (ROWS - 1) / 2
    x = torch.arange(start, COLUMNS, stride, dtype=torch.float64) - (COLUMNS - 1) / 2
    y, x = torch.meshgrid(y, x, indexing="ij")
    if flow is not None:
        x, y = flow(t, x, y)
    images = [
        sum(h * torch.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * s**2)) for a, b, s, h in pair)
        for pair in BLOBS
    ]
    return torch.stack([torch.stack(images), torch.stack(images[::-1])])  # type: ignore[arg-type]


def difference(flow: Flow, t: float = 1e-4, **grid: float) -> Tensor:
    """The derivative of the moved images at the identity, by a central difference in time."""
    return (blobs(flow, t, **grid) - blobs(flow, -t, **grid)) / (2 * t)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


# ------------------------------------------------------------------ images that really move


@pytest.mark.parametrize("name", SPATIAL)
@pytest.mark.parametrize(("gradient", "limit"), [("fourier", 2e-4), ("central", 0.1)])
def test_generators_are_derivatives_of_moved_images(name, gradient, limit):
    found = generator(name, gradient=gradient)(blobs())
    assert relative(found, difference(PAST[name])) < limit
    others = [PAST[other] for other in SPATIAL if other != name]
    others.append(lambda t, x, y: PAST[name](-t, x, y))
    assert all(relative(found, difference(other)) > 0.3 for other in others)


def test_central_differences_get_better_with_smoother_images():
    """Their error falls with the square of the pixel, measured in widths of the blob."""
    errors = []
    for stride in (1, 0.5):
        flow = PAST["translation_x"]
        found = Image(stride=stride).derivative(
            generator("translation_x"), blobs(stride=stride), FRAME
        )
        errors.append(relative(found, difference(flow, stride=stride)))
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_brightness_multiplies():
    images = blobs()
    t = 1e-5
    assert_close(generator("brightness")(images), (math.exp(t) - math.exp(-t)) / (2 * t) * images)
    assert all(g.gain == 0 for g in standard_generators() if g.name != "brightness")


def test_a_turn_lifts_the_right_side():
    """One bright pixel at the right of the centre moves up on the page, and not down."""
    image = torch.zeros(1, 1, 9, 9, dtype=torch.float64)
    image[0, 0, 4, 7] = 1
    found = generator("rotation")(image)[0, 0]
    assert found[3, 7] == 1.5  # three pixels from the centre, half the difference
    assert found[5, 7] == -1.5


@pytest.mark.parametrize("seed", range(3))
def test_any_affine_field(seed):
    matrix = np.random.default_rng(seed).normal(size=(2, 3)) * [0.5, 0.5, 3.0]
    homogeneous = np.vstack([matrix, np.zeros(3)])

    def past(t: float, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        back = torch.linalg.matrix_exp(torch.tensor(-t * homogeneous))
        return (
            back[0, 0] * x + back[0, 1] * y + back[0, 2],
            back[1, 0] * x + back[1, 1] * y + back[1, 2],
        )

    made = affine_generator(matrix, gradient="fourier", name="mine", unit="second")
    assert relative(made(blobs()), difference(past)) < 2e-4
    assert (made.name, made.unit) == ("mine", "second")


def test_nine_standard_generators():
    found = standard_generators(gradient="central", boundary="circular")
    assert tuple(g.name for g in found) == GENERATORS
    assert len(found) == 9
    assert {(g.gradient, g.boundary) for g in found} == {("central", "circular")}
    assert len({g.unit for g in found}) == 9


# ------------------------------------------------------------------ relations of the group


def bracket(first: Generator, second: Generator, images: Tensor) -> Tensor:
    return first(second(images)) - second(first(images))


def test_a_turn_carries_one_translation_into_the_other():
    """[rotation, right] is upwards, and [rotation, downwards] is to the right."""
    turn, right, down = (
        generator(name, gradient="fourier")
        for name in ("rotation", "translation_x", "translation_y")
    )
    images = blobs()
    assert relative(bracket(turn, right, images), -down(images)) < 1e-3
    assert relative(bracket(turn, down, images), right(images)) < 1e-3
    assert relative(bracket(turn, right, images), down(images)) > 1
    size = right(down(images)).norm()
    assert bracket(right, down, images).norm() < 1e-12 * size


@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(SPATIAL, 2)))
def test_brackets_are_those_of_the_matrices(one, two):
    """[X_M, X_N] = X_[M, N], with the matrices made 3 x 3."""
    first, second = generator(one, gradient="fourier"), generator(two, gradient="fourier")
    m, n = (np.vstack([g.matrix, np.zeros(3)]) for g in (first, second))
    expected = affine_generator((m @ n - n @ m)[:2], gradient="fourier")(blobs())
    found = bracket(first, second, blobs())
    size = first(second(blobs())).norm()
    assert (found - expected).norm() < 1e-3 * size
    if expected.any():
        assert (found + expected).norm() > 0.1 * size


# ------------------------------------------------------------------ gradients and boundaries


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_central_differences_at_the_boundaries():
    row = torch.tensor([[[[1.0, 4.0, 9.0, 16.0]]]])
    expected = {
        "replicate": [3 / 2, 8 / 2, 12 / 2, 7 / 2],
        "zeros": [4 / 2, 8 / 2, 12 / 2, -9 / 2],
        "circular": [(4 - 16) / 2, 8 / 2, 12 / 2, (1 - 9) / 2],
    }
    for boundary, slope in expected.items():
        move = generator("translation_x", boundary=boundary)
        assert move(row).flatten().tolist() == [-value for value in slope]
        move = generator("translation_y", boundary=boundary)
        assert move(row.transpose(2, 3)).flatten().tolist() == [-value for value in slope]
    assert generator("translation_x").boundary == "replicate"


def test_central_differences_are_keys_cubic_interpolation():
    """Keys 1981, equation 15 with a = -1/2, shifted by t and differentiated."""

    def keys(s: float) -> float:
        s = abs(s)
        if s < 1:
            return 1.5 * s**3 - 2.5 * s**2 + 1
        return -0.5 * s**3 + 2.5 * s**2 - 4 * s + 2 if s < 2 else 0.0

    images = noise(2, 1, 5, 12)

    def shifted(t: float) -> Tensor:
        weights = [(j, keys(j + t)) for j in range(-3, 4)]
        return sum(w * torch.roll(images, -j, -1) for j, w in weights)  # type: ignore[return-value]

    t = 1e-6
    found = generator("translation_x", boundary="circular")(images)
    assert_close(found, (shifted(t) - shifted(-t)) / (2 * t), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [11, 12])
def test_the_fourier_gradient_is_exact_for_waves(size):
    x = torch.arange(size, dtype=torch.float64)
    for frequency in range(1, (size + 1) // 2):
        phase = 2 * math.pi * frequency / size * x + 0.3
        wave = torch.sin(phase).reshape(1, 1, 1, size)
        slope = 2 * math.pi * frequency / size * torch.cos(phase)
        found = generator("translation_x", gradient="fourier")(wave)
        assert_close(found.flatten(), -slope, rtol=0, atol=1e-12)
    alternating = ((-1.0) ** x).reshape(1, 1, 1, size)
    moved = generator("translation_x", gradient="fourier")(alternating)
    assert (moved.abs().max() < 1e-12) == (size % 2 == 0)


@pytest.mark.parametrize("name", SPATIAL)
@pytest.mark.parametrize("gradient", ["central", "fourier", "bilinear"])
def test_an_even_image_stays(name, gradient):
    constant = torch.full((1, 1, 9, 12), 0.7, dtype=torch.float64)
    assert generator(name, gradient=gradient)(constant).abs().max() < 1e-12


def test_bilinear_takes_one_side_of_each_kink():
    """At every pixel it is the difference to the next or from the last; both occur."""
    images = noise(1, 1, 3, 28).float()
    slope = -generator("translation_x", gradient="bilinear")(images)[..., 1:-1]
    forward = (images[..., 2:] - images[..., 1:-1]).abs()
    after, before = images.diff()[..., 1:], images.diff()[..., :-1]
    close_after = (slope - after).abs() < 1e-4 * forward.max()
    close_before = (slope - before).abs() < 1e-4 * forward.max()
    assert (close_after | close_before).all()
    assert close_after.any()
    assert close_before.any()
    # The last pixel is met exactly; beyond it lies the one before it, or itself.
    for boundary, beyond in (("reflect", images[..., -2]), ("replicate", images[..., -1])):
        move = generator("translation_x", gradient="bilinear", boundary=boundary)
        torch.testing.assert_close(move(images)[..., -1], images[..., -1] - beyond)
    with pytest.raises(ValueError, match="'reflect' or 'replicate' only"):
        generator("translation_x", gradient="bilinear", boundary="zeros")


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("gradient", ["central", "fourier", "bilinear"])
def test_generators_are_linear_and_keep_type_and_images_apart(name, gradient):
    move = generator(name, gradient=gradient)
    a, b = noise(2, 3, 8, 9), noise(2, 3, 8, 9, seed=1)
    assert_close(move(2 * a - b), 2 * move(a) - move(b))
    assert_close(move(a)[1:, 2:], move(a[1:, 2:]))
    assert move(a.float()).dtype == torch.float32
    assert_close(
        move(a.float()).double(), move(a), rtol=0, atol=2e-4 if gradient != "bilinear" else 99
    )


# ------------------------------------------------------------------ features on other grids


@pytest.mark.parametrize("name", SPATIAL)
def test_a_coarser_grid_has_its_own_unit_and_centre(name):
    """Every second pixel from the second on: the same derivative at the same places."""
    expected = difference(PAST[name], stride=2, start=1)
    features = blobs(stride=2, start=1)

    def found(stride: float, offset: float) -> Tensor:
        grid = Image(stride=stride, offset=offset)
        return grid.derivative(generator(name, gradient="fourier"), features, FRAME)

    assert relative(found(2, 1), expected) < 2e-2
    assert relative(found(1, 1), expected) > 0.4  # in pixels of the features
    if not name.startswith("translation"):
        assert relative(found(2, -5), expected) > 0.3  # about another centre


def test_stride_and_offset_are_down_and_along():
    features = blobs()[:, :, 1::3, 2::2]
    grid = Image(stride=(3, 2), offset=(1, 2))
    for name in ("rotation", "shear_x"):
        found = grid.derivative(generator(name, gradient="fourier"), features, FRAME)
        expected = difference(PAST[name])[:, :, 1::3, 2::2]
        assert relative(found, expected) < 0.1
        swapped = Image(stride=(2, 3), offset=(2, 1))
        assert relative(swapped.derivative(generator(name), features, FRAME), expected) > 0.3


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [
        (3, 1, 1, 1),
        (3, 2, 1, 1),
        (2, 2, 0, 1),
        (5, 3, 0, 1),
        (3, 2, 2, 2),
        ((3, 2), (2, 1), (1, 0), 1),
    ],
)
def test_windows_move_the_grid(kernel, stride, padding, dilation):
    """A window that averages the coordinates returns the coordinate of its middle."""
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(30.0), indexing="ij")
    size = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation, bias=False)
    nn.init.constant_(layer.weight, 1 / math.prod(size))
    grid = Image().after_window(kernel, stride, padding, dilation)
    strides = grid.stride if isinstance(grid.stride, tuple) else (grid.stride,) * 2
    offsets = grid.offset if isinstance(grid.offset, tuple) else (grid.offset,) * 2
    with torch.no_grad():
        rows, columns = (layer(c[None, None])[0, 0] for c in (y, x))
    inner = slice(2, 6)  # away from the padding
    index = torch.arange(len(rows))[inner]
    assert_close(rows[inner, 4], (offsets[0] + strides[0] * index).float())
    index = torch.arange(columns.shape[1])[inner]
    assert_close(columns[4, inner], (offsets[1] + strides[1] * index).float())


def test_windows_one_after_the_other():
    once = Image().after_window(3, 2, 1).after_window(2, 2)
    assert once == Image(stride=4.0, offset=1.0)
    assert Image().after_window(1) == Image()
    assert Image(stride=(2, 2)) == Image(stride=2.0)
    field = RegularField(8).after_window(5, padding=1)
    assert field == RegularField(8, offset=1.0)


def test_flattened_images():
    images, move = blobs(), generator("rotation")
    flat = Image(flattened=(2, ROWS, COLUMNS)).derivative(move, images.flatten(1), FRAME)
    assert_close(flat.reshape(images.shape), move(images))


def test_tokens_are_an_image_with_the_channels_last():
    features = noise(2, 5, 4, 3)
    grid = {"stride": 7.0, "offset": 3.0}
    tokens = features.flatten(2).transpose(1, 2)
    extra = noise(2, 2, 5)
    for name in SPATIAL:
        move = generator(name)
        expected = Image(**grid).derivative(move, features, (28, 21)).flatten(2)
        plain = Tokens(4, 3, **grid)
        assert_close(plain.derivative(move, tokens, (28, 21)), expected.transpose(1, 2))
        first = Tokens(4, 3, channels_first=True, **grid)
        assert_close(first.derivative(move, features.flatten(2), (28, 21)), expected)
        with_extra = Tokens(4, 3, extra=2, **grid)
        found = with_extra.derivative(move, torch.cat([extra, tokens], dim=1), (28, 21))
        assert_close(found[:, 2:], expected.transpose(1, 2))
        assert not found[:, :2].any()
    # The two layouts of a square array are different things.
    square = noise(2, 4, 4)
    move = generator("translation_x")
    last = Tokens(2, 2).derivative(move, square, (8, 8))
    assert relative(Tokens(2, 2, channels_first=True).derivative(move, square, (8, 8)), last) > 0.5


def test_brightness_of_features():
    move = generator("brightness")
    for kind, features in (
        (Image(stride=2.0), noise(2, 3, 4, 4)),
        (Tokens(2, 2), noise(2, 4, 3)),
        (RegularField(4), noise(2, 3, 4)),
        (RegularField(4), noise(2, 8, 3, 3)),
    ):
        assert_close(kind.derivative(move, features, (8, 8)), features)
    assert not Trivial().derivative(move, noise(2, 3), (8, 8)).any()


# ------------------------------------------------------------------ fields of directions


@pytest.mark.parametrize("order", [5, 7])
def test_the_flow_of_a_field_reaches_the_next_element(order):
    """The exponential of 2π/n times the generator is the shift by one, counter-clockwise."""
    identity = torch.eye(order, dtype=torch.float64)[:, None]
    turn = RegularField(order).derivative(generator("rotation"), identity, (9, 9))[:, 0].T
    moved = torch.linalg.matrix_exp(2 * math.pi / order * turn)
    assert_close(moved, torch.roll(torch.eye(order, dtype=torch.float64), 1, 0))
    assert relative(moved, torch.roll(torch.eye(order, dtype=torch.float64), -1, 0)) > 1


@pytest.mark.parametrize("order", [4, 7, 8])
def test_a_turn_of_a_field_moves_places_and_directions(order):
    """A function of place and direction, turned exactly."""
    y, x = torch.meshgrid(
        torch.arange(ROWS).double() - (ROWS - 1) / 2,
        torch.arange(COLUMNS).double() - (COLUMNS - 1) / 2,
        indexing="ij",
    )

    def field(t: float) -> Tensor:
        a, b = PAST["rotation"](t, x, y)
        layers = []
        for r in range(order):
            angle = 2 * math.pi * r / order - t
            blob = torch.exp(-((a - 4) ** 2 + (b + 3) ** 2) / 18)
            layers.append(blob * (1 + math.cos(angle - 0.4)))
        second = [torch.exp(-((a + 4) ** 2 + b**2) / 15)] * order
        return torch.stack([*layers, *second])[None]

    expected = (field(1e-4) - field(-1e-4)) / 2e-4
    kind, move = RegularField(order), generator("rotation", gradient="fourier")
    found = kind.derivative(move, field(0), FRAME)
    assert relative(found, expected) < 3e-4
    assert relative(Image().derivative(move, field(0), FRAME), expected) > 0.05
    # The same on codes, where only the direction is left.
    codes = field(0)[0, :, 20, 20].reshape(1, 2, order)
    angles = 2 * math.pi / order * torch.arange(order).double()
    slope = codes[0, 0].mean() * torch.sin(angles - 0.4)
    turned = kind.derivative(move, codes, FRAME)
    assert_close(turned[0, 0], slope)
    assert turned[0, 1].abs().max() < 1e-12


def test_the_highest_frequency_of_an_even_order_has_no_derivative():
    alternating = torch.tensor([[[1.0, -1.0, 1.0, -1.0]]])
    turn = generator("rotation")
    assert not RegularField(4).derivative(turn, alternating, (9, 9)).any()


def test_fields_under_translation_and_scale():
    features, grid = noise(2, 8, 5, 5), {"stride": 2.0, "offset": 1.0}
    for name in ("translation_x", "translation_y", "scale"):
        move = generator(name)
        expected = Image(**grid).derivative(move, features, (11, 11))
        assert_close(RegularField(4, **grid).derivative(move, features, (11, 11)), expected)
        assert not RegularField(4).derivative(move, noise(2, 3, 4), (11, 11)).any()


# ------------------------------------------------------------------ sentences about bad input


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: generator("spin"), ValueError, "no generator 'spin'; choose one of translation_x"),
        (lambda: generator("scale", gradient="sobel"), ValueError, "The gradient is one of"),
        (lambda: generator("scale", boundary="mirror"), ValueError, "The boundary is one of"),
        (
            lambda: generator("scale", gradient="fourier", boundary="zeros"),
            ValueError,
            "'fourier' goes with the boundary 'circular' only",
        ),
        (
            lambda: affine_generator([[1, 0], [0, 1]]),
            ValueError,
            r"has shape \(2, 3\) and finite entries, but this one has shape \(2, 2\)",
        ),
        (
            lambda: affine_generator([[1, 0, math.nan], [0, 1, 0]]),
            ValueError,
            "entries that are not finite",
        ),
        (lambda: generator("scale")(torch.ones(2, 3)), ValueError, r"\(B, C, H, W\)"),
        (lambda: generator("scale")(torch.ones(0, 1, 4, 4)), ValueError, "at least one entry"),
        (
            lambda: generator("scale")(torch.ones(1, 1, 4, 4).int()),
            TypeError,
            "must be a floating-point tensor, but this is torch.int32",
        ),
        (lambda: Image(stride=0), ValueError, "stride of Image is positive, but it is 0"),
        (lambda: Image(offset=math.inf), ValueError, "offset of Image is a number or a pair"),
        (lambda: Image(stride=(1, 2, 3)), ValueError, "stride of Image is a number or a pair"),
        (lambda: Image(flattened=(1, 2, 0)), ValueError, "size in flattened is at least 1"),
        (lambda: Image(flattened=(1, 2)), ValueError, "flattened is three integers"),
        (lambda: Tokens(0, 3), ValueError, "rows of Tokens is at least 1, but it is 0"),
        (lambda: Tokens(3, 2.0), TypeError, "columns of Tokens is an integer, but it is 2.0"),
        (lambda: Tokens(3, 3, extra=-1), ValueError, "extra of Tokens is at least 0"),
        (lambda: RegularField(1), ValueError, "order of RegularField is at least 2"),
        (
            lambda: Image().derivative(generator("scale"), torch.ones(2, 12), (4, 4)),
            ValueError,
            r"these have shape \(2, 12\); flat features need Image\(flattened=",
        ),
        (
            lambda: Image(flattened=(1, 3, 4)).derivative(
                generator("scale"), torch.ones(2, 13), (4, 4)
            ),
            ValueError,
            r"features of shape \(B, 12\), but these have shape \(2, 13\)",
        ),
        (
            lambda: Tokens(2, 2, extra=1).derivative(
                generator("scale"), torch.ones(2, 4, 5), (4, 4)
            ),
            ValueError,
            r"\(B, 5, channels\), but these have shape \(2, 4, 5\)",
        ),
        (
            lambda: Tokens(2, 2, channels_first=True).derivative(
                generator("scale"), torch.ones(2, 4, 5), (4, 4)
            ),
            ValueError,
            r"\(B, channels, 4\), but these have shape \(2, 4, 5\)",
        ),
        (
            lambda: RegularField(4).derivative(
                generator("rotation"), torch.ones(2, 6, 3, 3), (4, 4)
            ),
            ValueError,
            r"RegularField of order 4 is for features of shape \(B, copies \* 4, H, W\)",
        ),
        (
            lambda: RegularField(4).derivative(generator("shear_x"), torch.ones(2, 3, 4), (4, 4)),
            ValueError,
            "but shear_x is none of them",
        ),
        (
            lambda: RegularField(4).derivative(generator("stretch"), torch.ones(2, 3, 4), (4, 4)),
            ValueError,
            "but stretch is none of them",
        ),
        (
            lambda: Trivial().derivative(generator("scale"), torch.ones(2).long(), (4, 4)),
            TypeError,
            "features must be a floating-point tensor",
        ),
    ],
)
def test_bad_input(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
