"""Symmetries found as a null space, against independent computations and broken ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from utils.data.bodies import forces
from utils.generators import Image, affine_generator, generator, standard_generators
from utils.lie import (
    SymmetryForm,
    affine_basis,
    bracket_defect,
    closes_under_brackets,
    flowed,
    image_symmetry_form,
    infinitesimal_symmetries,
    lie_derivatives,
    matrix_basis,
    principal_cosines,
    secant_form,
    symmetry_form,
)

PLANE = {
    "circle": (lambda x: torch.sin(x.square().sum(-1)), [[0.0, -1.0], [1.0, 0.0]]),
    "ellipse": (lambda x: 4 * x[..., 0] ** 2 + x[..., 1] ** 2, [[0.0, -1.0], [4.0, 0.0]]),
    "boost": (lambda x: torch.sin(x[..., 0] ** 2 - x[..., 1] ** 2), [[0.0, 1.0], [1.0, 0.0]]),
    "scaling": (lambda x: x[..., 0] * x[..., 1] / x.square().sum(-1), [[1.0, 0.0], [0.0, 1.0]]),
}


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def perceptron(given: int, returned: int, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Sequential(nn.Linear(given, 16), nn.SiLU(), nn.Linear(16, returned))
    return layers.double().eval()


def turns() -> Tensor:
    found = torch.zeros(3, 3, 3, dtype=torch.float64)
    for axis, (i, j) in enumerate([(1, 2), (2, 0), (0, 1)]):
        found[axis, i, j], found[axis, j, i] = -1, 1
    return found


@pytest.mark.parametrize("name", PLANE)
@pytest.mark.parametrize("metric", ["motion", "entries"])
def test_functions_of_the_plane(name, metric):
    function, matrix = PLANE[name]
    form = symmetry_form(function, drawn(60, 2), output="invariant")
    found = infinitesimal_symmetries(form, metric=metric)
    assert found.dimension() == 1
    # To within rounding, and not only to within its root.
    assert found.relative[0] < 1e-14
    known = torch.tensor([matrix], dtype=torch.float64)
    assert principal_cosines(found.matrices[:1], known)[0] > 1 - 1e-12
    assert abs(float(torch.linalg.matrix_norm(found.matrices[0])) - 1) < 1e-12
    assert found.gaps[0] > 1e10


def test_a_function_without_symmetry_has_none():
    x = drawn(200, 2)
    function = lambda x: torch.sin(2 * x[:, 0]) + x[:, 1] ** 3 + x[:, 0] * x[:, 1]  # noqa: E731
    found = infinitesimal_symmetries(symmetry_form(function, x, output="invariant"))
    assert found.dimension() == 0
    assert found.relative[0] > 0.05


def test_against_the_polarization_matrix():
    """LieGG's definition, with NumPy alone: gradients by differences, then singular vectors."""
    network, x = perceptron(3, 1), drawn(80, 3) * torch.tensor([3.0, 1.0, 0.4]).double()
    points, step = x.numpy(), 1e-5

    def value(y: np.ndarray) -> np.ndarray:
        return network(torch.from_numpy(y)).detach().numpy()[:, 0]

    shifts = step * np.eye(3)
    gradients = np.stack([(value(points + s) - value(points - s)) / (2 * step) for s in shifts], 1)
    polarization = np.einsum("bi,bj->bij", gradients, points).reshape(len(points), 9)
    _, values, vectors = np.linalg.svd(polarization)
    form = symmetry_form(network, x, output="invariant")
    found = infinitesimal_symmetries(form, metric="entries")
    assert np.allclose(found.roots.numpy()[::-1], values / len(points) ** 0.5, rtol=1e-6, atol=1e-9)
    for k in range(9):
        assert abs(vectors[8 - k] @ found.matrices[k].numpy().ravel()) > 1 - 1e-6
    assert np.allclose(form.form.numpy(), polarization.T @ polarization / len(points), atol=1e-8)
    # The other metric is another question, with another answer.
    other = infinitesimal_symmetries(form).matrices[0].numpy().ravel()
    assert abs(vectors[8] @ other) < 0.99


def test_against_a_generalised_eigenproblem():
    from scipy.linalg import eigh

    network, x = perceptron(2, 3), drawn(50, 2) @ torch.tensor([[2.0, 0.3], [0.0, 0.5]]).double()
    form = symmetry_form(network, x, output="invariant")
    values, vectors = eigh(form.form.numpy(), form.norm.numpy())
    found = infinitesimal_symmetries(form)
    assert np.allclose(found.values.numpy(), values, rtol=1e-8, atol=1e-12)
    for k in range(4):
        a = found.combinations[k].numpy()
        assert abs(a @ form.norm.numpy() @ vectors[:, k]) == pytest.approx(1, abs=1e-7)
    gram = found.combinations @ form.norm @ found.combinations.T
    assert torch.allclose(gram, torch.eye(4).double(), atol=1e-10)


def test_the_answer_does_not_depend_on_the_basis():
    network, x = perceptron(2, 1), drawn(40, 2)
    mixing = drawn(4, 4, seed=5) * torch.tensor([1e-3, 1.0, 1e2, 1.0]).double()
    mixed = torch.einsum("gh,hij->gij", mixing, matrix_basis(2))
    one = infinitesimal_symmetries(symmetry_form(network, x, output="invariant"))
    two = infinitesimal_symmetries(symmetry_form(network, x, mixed, output="invariant"))
    assert torch.allclose(one.roots, two.roots, rtol=1e-8)
    cosines = [principal_cosines(one.matrices[k : k + 1], two.matrices[k : k + 1]) for k in (0, 3)]
    assert min(float(c) for c in cosines) > 1 - 1e-9


def test_forces_of_three_bodies():
    x = drawn(60, 3, 3)
    found = infinitesimal_symmetries(symmetry_form(forces, x, output="equivariant"))
    assert found.dimension() == 3
    assert principal_cosines(found.matrices[:3], turns()).min() > 1 - 1e-9
    assert closes_under_brackets(found.matrices[:3], 1e-9)
    assert not closes_under_brackets(found.matrices[:2], 0.1)
    for breaking in ({"field": 1.0}, {"anisotropy": 1.0}):
        form = symmetry_form(lambda x, b=breaking: forces(x, **b), x, output="equivariant")
        axial = infinitesimal_symmetries(form)
        assert axial.dimension() == 1
        assert principal_cosines(axial.matrices[:1], turns()[2:]) > 1 - 1e-9
    # Without what goes with A on the outputs, an equivariance is read as no symmetry at all.
    wrong = infinitesimal_symmetries(symmetry_form(forces, x, output="invariant"))
    assert wrong.relative[0] > 0.2


def test_matrices_on_outputs():
    """The outer product of a vector with itself, flattened: A acts as A ⊗ 1 + 1 ⊗ A."""
    x, basis, one = drawn(30, 2), matrix_basis(2), torch.eye(2).double()
    outer = lambda x: (x[:, :, None] * x[:, None, :]).flatten(1)  # noqa: E731
    both = torch.stack([torch.kron(a, one) + torch.kron(one, a) for a in basis])
    good = symmetry_form(outer, x, output=both)
    assert good.change.abs().max() < 1e-12
    bad = symmetry_form(outer, x, output=torch.stack([torch.kron(a, one) for a in basis]))
    assert bad.change.abs().max() > 0.1
    constant = infinitesimal_symmetries(symmetry_form(lambda x: 0 * x + 1, x, output="invariant"))
    assert constant.dimension() == 4
    assert constant.gaps.tolist() == [1, 1, 1]


def test_batches_and_precision():
    network, x = perceptron(3, 2), drawn(37, 3)
    whole = symmetry_form(network, x, output="invariant")
    parts = symmetry_form(network, x, output="invariant", batch_size=4)
    assert torch.allclose(whole.form, parts.form, atol=1e-12)
    assert (whole.samples, parts.samples) == (37, 37)
    kept = x.clone()
    single = symmetry_form(network.float(), x.float(), output="invariant")
    assert single.form.dtype == torch.float64
    assert torch.allclose(whole.form, single.form, rtol=1e-3, atol=1e-5)
    assert torch.equal(x, kept)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = symmetry_form(network, x.float(), output="invariant")
    assert torch.equal(again.form, single.form)


class Cut(nn.Module):
    """A network that cuts the tangent of a part of its input, or of all of it."""

    def __init__(self, share: str) -> None:
        super().__init__()
        self.inner, self.share = perceptron(2, 1), share

    def forward(self, x: Tensor) -> Tensor:
        if self.share == "all":
            return self.inner(x.detach())
        if self.share == "inference":
            with torch.inference_mode():
                return self.inner(x).clone()
        return self.inner(x) + 3 * self.inner(2 * x.detach())


@pytest.mark.parametrize("share", ["all", "inference", "part"])
def test_a_network_that_cuts_is_refused(share):
    with pytest.raises(ValueError, match="Forward-mode"):
        symmetry_form(Cut(share), drawn(20, 2), output="invariant")
    if share == "all":  # what the check protects from: a perfect symmetry
        form = symmetry_form(Cut(share), drawn(20, 2), output="invariant", verify=False)
        assert infinitesimal_symmetries(form).dimension() == 4


def test_a_network_that_cuts_images_is_refused():
    images = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="Forward-mode"):
        image_symmetry_form(lambda x: x.detach().square().sum((2, 3)), images)
    network = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten())
    with pytest.raises(ValueError, match="training mode"):
        image_symmetry_form(network, images)
    with pytest.raises(ValueError, match="training mode"):
        symmetry_form(nn.BatchNorm1d(2), torch.rand(4, 2), output="invariant")


def test_motions_that_move_nothing_are_refused():
    flat = drawn(30, 3)
    flat[:, 2] = 0
    form = symmetry_form(lambda x: x.square().sum(1), flat, output="invariant")
    with pytest.raises(ValueError, match="'E13' moves none of the inputs"):
        infinitesimal_symmetries(form)
    slanted = drawn(30, 3)
    slanted[:, 2] = slanted[:, 0] + slanted[:, 1]
    form = symmetry_form(lambda x: x.square().sum(1), slanted, output="invariant")
    with pytest.raises(ValueError, match="moves none of the inputs"):
        infinitesimal_symmetries(form)
    # Single precision hides it under its rounding.
    form = symmetry_form(lambda x: x.square().sum(1), slanted.float(), output="invariant")
    with pytest.raises(ValueError, match="moves none of the inputs"):
        infinitesimal_symmetries(form)
    # By entries it would be a zero, and look like a discovery.
    with pytest.raises(ValueError, match="moves none of the inputs"):
        infinitesimal_symmetries(form, metric="entries")


def test_the_nine_standard_generators_are_no_basis():
    images = torch.rand(6, 1, 7, 7, generator=torch.Generator().manual_seed(1))
    form = image_symmetry_form(lambda x: x.square().sum((2, 3)), images, standard_generators())
    with pytest.raises(ValueError, match="depend on each other"):
        infinitesimal_symmetries(form)
    fine = image_symmetry_form(lambda x: x.square().sum((2, 3)), images)
    assert len(infinitesimal_symmetries(fine).roots) == 6


def discs(count: int = 12, side: int = 35) -> Tensor:
    """Smooth spots at random places about the middle."""
    places = 2 * drawn(count, 2, 1, 1, seed=3)
    axis = torch.arange(side).double() - (side - 1) / 2
    squares = (axis[None, None, :] - places[:, :1]) ** 2 + (
        axis[None, :, None] - places[:, 1:]
    ) ** 2
    return torch.exp(-squares.reshape(count, 1, side, side) / 8)


def test_images_turned():
    """The radius of the centre of mass, which a turn keeps, and nothing else that is linear."""
    images = discs()
    axis = torch.arange(35).double() - 17

    def radius(x: Tensor) -> Tensor:
        mass = x.sum((1, 2, 3))
        across = (x * axis).sum((1, 2, 3)) / mass
        down = (x * axis[:, None]).sum((1, 2, 3)) / mass
        return torch.stack([across**2 + down**2, mass / 50], dim=1)

    found = infinitesimal_symmetries(image_symmetry_form(radius, images))
    assert found.loadings[0, 0] > 0.99
    assert found.relative[0] < 1e-6
    assert found.relative[1] > 1e-3
    # What the images move by, and the combination as a matrix.
    turn = torch.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]])
    assert principal_cosines(found.matrices[:1], turn)[0] > 0.999


def test_images_that_come_out_as_images():
    """A blur commutes with shifts; read as invariant it does not."""
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(2)).double()
    kernel = torch.full((1, 1, 3, 3), 1 / 9, dtype=torch.float64)

    def blurred(x: Tensor) -> Tensor:
        padded = nn.functional.pad(x, (1, 1, 1, 1), mode="circular")
        return nn.functional.conv2d(padded, kernel)

    flows = [generator(f"translation_{a}", boundary="circular") for a in "xy"]
    assert image_symmetry_form(blurred, images, flows, Image()).change.abs().max() < 1e-12
    assert image_symmetry_form(blurred, images, flows).change.abs().max() > 0.01


def test_from_derivatives_is_the_same_form():
    images, flows = discs(5), affine_basis(translations=False)
    model = lambda x: x.square().mean((2, 3))  # noqa: E731
    _, derivatives = lie_derivatives(model, images, flows)
    tangents = torch.stack([flow(images) for flow in flows])
    basis = torch.tensor([flow.matrix for flow in flows])
    built = SymmetryForm.from_derivatives(basis, derivatives, tangents)
    measured = image_symmetry_form(model, images, flows, batch_size=2)
    assert torch.allclose(built.form, measured.form, atol=1e-12)
    assert torch.allclose(built.norm, measured.norm, atol=1e-12)
    # By hand.
    naive = torch.einsum("gbk,hbk->gh", derivatives, derivatives) / len(images)
    assert torch.allclose(built.form, naive, atol=1e-12)
    assert str(infinitesimal_symmetries(measured)).count("\n") == 4


def test_slant_is_half_of_rotation_and_hyperbolic_rotation():
    images = discs(3)
    turn, _, hyperbolic, _ = affine_basis(translations=False)
    both = (turn(images) + hyperbolic(images)) / 2
    assert torch.allclose(both, generator("shear_x")(images), atol=1e-12)
    assert not torch.allclose(both, generator("shear_y")(images), atol=1e-3)
    basis = torch.tensor([flow.matrix for flow in affine_basis()])
    assert torch.linalg.matrix_rank(basis.flatten(1)) == 6


def test_spans():
    first = drawn(2, 3, 3)
    mixed = torch.einsum("kl,lij->kij", torch.tensor([[2.0, 1.0], [-1.0, 3.0]]).double(), first)
    assert torch.allclose(principal_cosines(first, mixed), torch.ones(2).double())
    assert principal_cosines(first, torch.cat([mixed, drawn(1, 3, 3, seed=8)])).shape == (2,)
    angle = 0.3
    one = torch.tensor([[1.0, 0.0]])
    two = torch.tensor([[-math.cos(angle), -math.sin(angle)]])
    assert float(principal_cosines(one, two)) == pytest.approx(math.cos(angle), abs=1e-6)
    with pytest.raises(ValueError, match="linearly dependent"):
        principal_cosines(torch.cat([first, first[:1]]), mixed)
    with pytest.raises(ValueError, match="in one space"):
        principal_cosines(first, torch.eye(3).double())


def test_brackets():
    mixing = drawn(3, 3, seed=4)
    assert bracket_defect(torch.einsum("kl,lij->kij", mixing, turns())) < 1e-9
    assert bracket_defect(turns()[:1]) == 0
    # Two turns, in any basis of their span: the bracket is the third, of size 1/sqrt(2).
    for pair in (torch.eye(2), torch.tensor([[1.0, 2.0], [0.5, -1.0]])):
        two = torch.einsum("kl,lij->kij", pair.double(), turns()[:2])
        assert bracket_defect(two) == pytest.approx(0.5, abs=1e-9)
    assert bracket_defect(drawn(3, 3, 3, seed=6)) > 0.2
    # Affine fields: rotation and one shift do not close, with both shifts they do.
    rotation, *_, across, down = (torch.tensor([flow.matrix]) for flow in affine_basis())
    assert not closes_under_brackets(torch.cat([rotation, across]))
    assert closes_under_brackets(torch.cat([rotation, across, down]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"output": "same"}, ValueError, "output is one of"),
        ({"points": torch.zeros(3)}, ValueError, "shape"),
        ({"points": torch.zeros(0, 2)}, ValueError, "empty"),
        ({"points": torch.ones(3, 2).long()}, TypeError, "float"),
        ({"points": torch.full((3, 2), math.nan)}, ValueError, "NaN"),
        ({"basis": torch.zeros(2, 3, 3)}, ValueError, "last axis of the points"),
        ({"basis": torch.zeros(2, 3)}, ValueError, r"\(G, d, d\)"),
        ({"basis": [[1.0]]}, TypeError, "basis"),
        ({"output": torch.zeros(3, 1, 1)}, ValueError, "for each of the 4"),
        ({"output": torch.zeros(4, 1, 2)}, ValueError, "for each of the 4"),
        ({"output": torch.zeros(4, 3, 3)}, ValueError, "last axis of the outputs"),
        ({"output": "equivariant"}, ValueError, "last axis of the outputs"),
        ({"function": 3}, TypeError, "callable"),
        ({"batch_size": 0}, ValueError, "batch_size"),
    ],
)
def test_what_is_refused(arguments, error, message):
    given = {
        "function": lambda x: x.square().sum(1),
        "points": drawn(5, 2),
        "output": "invariant",
        **arguments,
    }
    with pytest.raises(error, match=message):
        symmetry_form(given.pop("function"), given.pop("points"), **given)


def test_more_that_is_refused():
    form = symmetry_form(lambda x: x.square().sum(1), drawn(9, 2), output="invariant")
    with pytest.raises(ValueError, match="metric"):
        infinitesimal_symmetries(form, metric="euclid")
    with pytest.raises(TypeError, match="SymmetryForm"):
        infinitesimal_symmetries(form.form)
    with pytest.raises(ValueError, match="names"):
        SymmetryForm.from_derivatives(matrix_basis(1), drawn(1, 4), drawn(1, 4), ["a", "b"])
    with pytest.raises(ValueError, match="derivatives have shape"):
        SymmetryForm.from_derivatives(matrix_basis(1), drawn(2, 4), drawn(1, 4))
    with pytest.raises(ValueError, match="tangents have shape"):
        SymmetryForm.from_derivatives(matrix_basis(1), drawn(1, 4), drawn(1, 5))
    with pytest.raises(ValueError, match="NaN or infinite"):
        symmetry_form(
            lambda x: x.abs().sqrt().sum(1), torch.zeros(3, 2), output="invariant", verify=False
        )
    still = affine_generator([[0, 0, 0], [0, 0, 0]], name="still")
    kept = image_symmetry_form(lambda x: x.sum((2, 3)), torch.rand(2, 1, 4, 4), [still])
    with pytest.raises(ValueError, match="'still' moves none"):
        infinitesimal_symmetries(kept)


def test_flows_of_finite_length():
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(4)).double()
    turn, shift = generator("rotation"), generator("translation_x")
    quarter = flowed(images, turn, math.pi / 2)
    assert torch.allclose(quarter, torch.rot90(images, 1, (2, 3)), atol=1e-12)
    assert not torch.allclose(quarter, torch.rot90(images, -1, (2, 3)), atol=1e-3)
    right = flowed(images, shift, 2.0)
    assert torch.allclose(right[..., 2:], images[..., :-2], atol=1e-12)
    assert torch.allclose(right[..., :2], images[..., :1].expand(-1, -1, -1, 2), atol=1e-12)
    oblong = images[:, :, :6]
    down = flowed(oblong, generator("translation_y"), 1.0)
    assert torch.allclose(down[:, :, 1:], oblong[:, :, :-1], atol=1e-12)
    assert torch.allclose(flowed(images, turn, 0.0), images, atol=1e-12)
    brighter = flowed(images, generator("brightness"), 0.5)
    assert torch.allclose(brighter, images * math.exp(0.5), atol=1e-12)
    # Its derivative at 0 is the generator, which central differences give the cubic interpolant.
    smooth, step = discs(3), 1e-4
    for flow in affine_basis():
        slope = (flowed(smooth, flow, step) - flowed(smooth, flow, -step)) / (2 * step)
        assert torch.allclose(slope, flow(smooth), atol=1e-3 * float(flow(smooth).abs().max()))
    with pytest.raises(ValueError, match="finite"):
        flowed(images, turn, math.inf)


def test_secants_of_a_smooth_function_are_its_derivatives():
    images, flows = discs(6), affine_basis(translations=False)
    weights = torch.exp(-discs(1, 35))
    model = lambda x: torch.tanh((x * weights).sum((2, 3)) / 20)  # noqa: E731
    short = secant_form(model, images, flows, time=1e-4, batch_size=4)
    exact = image_symmetry_form(model, images, flows)
    assert torch.allclose(short.form, exact.form, rtol=1e-3, atol=1e-3 * float(exact.form.max()))
    with pytest.raises(ValueError, match="positive"):
        secant_form(model, images, flows, time=0)


def test_secants_see_through_what_trembles():
    """An even function of the angle of nothing, plus a fine ripple along rotations."""
    images = discs(24)
    axis = torch.arange(35).double() - 17

    def rippled(x: Tensor, height: float) -> Tensor:
        mass = x.sum((1, 2, 3))
        across = (x * axis).sum((1, 2, 3)) / mass
        down = (x * axis[:, None]).sum((1, 2, 3)) / mass
        angle = torch.atan2(down, across)
        return torch.stack([across**2 + down**2, mass / 10, height * torch.sin(40 * angle)], 1)

    def first(form: SymmetryForm) -> float:
        return abs(float(infinitesimal_symmetries(form).loadings[0, 0]))

    flows = affine_basis(translations=False)
    assert first(image_symmetry_form(lambda x: rippled(x, 0.0), images, flows)) > 0.95
    assert first(image_symmetry_form(lambda x: rippled(x, 1.0), images, flows)) < 0.6
    assert first(secant_form(lambda x: rippled(x, 1.0), images, flows, time=math.pi / 20)) > 0.95
