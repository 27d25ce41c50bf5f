"""Nothing of the caller's is changed: arguments, the precision that is asked for, copies.

The examples of all docstrings run once more, with every public function watched: each tensor that
goes in is compared, bit by bit, with what it was.
"""

from __future__ import annotations

import contextlib
import copy
import doctest
import functools
import importlib
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import utils.projections
from utils.equivariance import assert_equivariant, assert_invariant, equivariance_report
from utils.groups import (
    CyclicShifts,
    PointPermutations,
    cyclic,
    dihedral,
    orbit,
    permutation_representation,
    reflection_group,
    regular_representation,
)
from utils.projections import InvariantProjection, chamber_fold, cyclic_projections
from utils.quotient import quotient_distance, quotient_distance_matrix

ROOMS = ("groups", "quotient", "projections", "equivariance", "generators", "lie", "graphs",
         "molecules", "probes", "discovery", "models.permutation", "models.graph_vae",
         "models.baselines", "models.rotation_cnn", "models.zoo", "models.bodies",
         "models.lie_conv", "models.potentials", "models.latent_actions",
         "data.bodies", "data.springs", "data.mnist", "data.qm9")  # fmt: skip


def tensors_of(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor and array among arguments, in structures and fields too."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, np.ndarray):
        with contextlib.suppress(TypeError):
            yield torch.from_numpy(value)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from tensors_of(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from tensors_of(entry)


class Watch:
    """Public functions that compare what they were given before and after."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.changed: list[str] = []

    def __call__(self, function: Callable, name: str) -> Callable:
        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            given = list(tensors_of((args, kwargs)))
            kept = [tensor.detach().clone() for tensor in given]
            result = function(*args, **kwargs)
            if given:
                self.seen.add(name)
            for before, after in zip(kept, given, strict=True):
                same = before.shape == after.shape and torch.equal(
                    before.nan_to_num(), after.detach().nan_to_num()
                )
                if not same:
                    self.changed.append(name)
            return result

        return watched


def run_watched(room: str) -> Watch:
    """Run the examples of a room with its public functions watched."""
    watch = Watch()
    package = importlib.import_module(f"utils.{room}")
    public = {
        name: watch(value, f"{room}.{name}")
        for name in package.__all__
        if inspect.isfunction(value := getattr(package, name))
    }
    for value in list(public.values()):
        module = importlib.import_module(value.__module__)
        for test in doctest.DocTestFinder().find(value.__wrapped__, value.__name__, module=module):
            test.globs = {**vars(module), **public}
            doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None)
    return watch


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_function_changes_what_it_is_given(room):
    watch = run_watched(room)
    assert not watch.changed
    if room in ("groups", "quotient", "lie", "graphs", "probes", "data.mnist"):
        assert watch.seen  # the examples did call something with tensors


def test_a_function_that_works_in_place_would_be_noticed():
    watch = Watch()
    watch(lambda x: x.add_(1), "guilty")(torch.zeros(2))
    watch(lambda x: x.add(1), "innocent")(torch.zeros(2))
    watch(lambda x: x["a"][0].fill_(2), "nested")({"a": [torch.zeros(2)]})
    assert watch.changed == ["guilty", "nested"]


class Reversal(CyclicShifts):
    """A reader's action that works in place."""

    def act(self, elements: int | torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        moved = super().act(elements, x)
        return x.copy_(moved)


@pytest.mark.parametrize(
    "f", [nn.SiLU(inplace=True), nn.ReLU(inplace=True), lambda z: z.mul_(2).add_(1)]
)
def test_checks_of_equivariance_stand_maps_that_work_in_place(f):
    codes, action = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), CyclicShifts(4)
    kept = codes.clone()
    assert assert_equivariant(f, codes, action, action).largest < 1e-6
    assert equivariance_report(f, codes, [lambda z: z.neg_()], [lambda z: z.neg_()]).largest > 0.1
    assert torch.equal(codes, kept)


def test_an_action_that_works_in_place_changes_no_code():
    codes = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    kept, action = codes.clone(), CyclicShifts(4)
    guilty = Reversal(4)
    assert torch.equal(orbit(codes, guilty), orbit(kept, action))
    assert assert_invariant(lambda z: z.sum(-1), codes, guilty).largest < 1e-6
    assert torch.equal(codes, kept)


# ------------------------------------------------------------------ precision


def in_bfloat16() -> contextlib.AbstractContextManager:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projections_and_distances_are_the_same_under_autocast(dtype):
    codes = torch.randn(9, 3, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    for projection in cyclic_projections(3, 8, outputs=16).values():
        expected = projection(codes)
        with in_bfloat16():
            found = projection(codes)
        assert found.dtype == dtype, projection.name
        assert torch.equal(found, expected), projection.name
    normals, flat = np.diff(np.eye(4), axis=0), codes[:, 0, :4]
    fold = chamber_fold(normals, inside=np.arange(4.0))
    with in_bfloat16():
        torch.testing.assert_close(fold(flat), flat.sort(1)[0], rtol=1e-5, atol=1e-6)
        moved = regular_representation(cyclic(4)).act(1, flat)
        assert torch.equal(moved, flat.roll(1, -1)), moved


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "action",
    [CyclicShifts(4), PointPermutations(4), reflection_group(np.diff(np.eye(4), axis=0)[:2])],
    ids=lambda action: action.name,
)
def test_distances_are_the_same_under_autocast(action, dtype):
    codes = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = quotient_distance_matrix(codes, codes, action)
    pairs = quotient_distance(codes, codes.roll(1, 0), action)
    with in_bfloat16():
        for found, meant in (
            (quotient_distance_matrix(codes, codes, action), expected),
            (quotient_distance(codes, codes.roll(1, 0), action), pairs),
        ):
            assert found.dtype == dtype
            torch.testing.assert_close(found, meant)


def test_checks_of_equivariance_are_the_same_under_autocast():
    action = permutation_representation(dihedral(5))
    codes = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    weights = torch.ones(5, 5) + torch.eye(5)
    with in_bfloat16():
        report = assert_equivariant(lambda z: z @ weights, codes, action, action)
    assert report.largest < 1e-6


DEFAULTS = """
import torch
from utils.models.rotation_cnn import RotationCNN, RotationCNNConfig, SO2CNN
from utils.training import load_checkpoint, untrained_model
torch.set_default_dtype(torch.float64)
images = torch.rand(2, 1, 28, 28, dtype=torch.float32)
for name in ("rotated-mnist-c8-seed0", "rotated-mnist-plain-seed0", "digit-vae-rotated-seed0"):
    model = load_checkpoint(name)[0]
    assert {p.dtype for p in model.parameters()} == {torch.float32}, name
    assert model.encode(images)[0].dtype == torch.float32, name
RotationCNN(), SO2CNN(), untrained_model("rotated-mnist-c16-seed0")
assert torch.get_default_dtype() == torch.float64
torch.set_default_dtype(torch.float32)
assert load_checkpoint("rotated-mnist-c8-seed1")[0](images).dtype == torch.float32
assert load_checkpoint("rotated-mnist-c16-seed0")[0](images).dtype == torch.float32
"""


def test_networks_are_single_precision_whatever_the_default():
    """In a process of its own, since e2cnn keeps its bases until the end."""
    subprocess.run([sys.executable, "-c", DEFAULTS], check=True, timeout=300)


# ------------------------------------------------------------------ copies


class Reader(nn.Module):
    """A module that holds projections, as a network with an invariant head does."""

    def __init__(self, projection: InvariantProjection) -> None:
        super().__init__()
        self.projection = projection
        self.head = nn.Linear(projection.output_dimension, 2)


def all_projections() -> list[InvariantProjection]:
    normals = np.diff(np.eye(4), axis=0)
    return [
        *cyclic_projections(2, 4, outputs=3).values(),
        chamber_fold(normals, inside=np.arange(4.0)),
        utils.projections.sort_projection(4),
        utils.projections.power_sums(4),
        utils.projections.sorted_random_projections(4, 2, directions=3),
    ]


@pytest.mark.parametrize("projection", all_projections(), ids=lambda p: p.name)
def test_projections_go_through_pickle_and_deepcopy(projection):
    codes = torch.randn(3, *projection.input_shape)
    for other in (
        pickle.loads(pickle.dumps(projection)),
        copy.deepcopy(Reader(projection)).projection,
    ):
        assert torch.equal(other(codes), projection(codes))
        assert other.group.order == projection.group.order
        assert (other.name, other.complete, other.isometric, other.lipschitz_constant) == (
            projection.name, projection.complete, projection.isometric,
            projection.lipschitz_constant,
        )  # fmt: skip
