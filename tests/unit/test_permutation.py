"""Layers that commute with renumbering nodes: against the null space, dense algebra and mutants."""

from __future__ import annotations

import copy
import itertools
import math
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from utils.equivariance import assert_equivariant, equivariant_basis, relative_error
from utils.groups import (
    PointPermutations,
    Representation,
    permutation_representation,
    symmetric,
    tensor_product,
)
from utils.models.permutation import (
    OPERATION_NAMES,
    OPERATIONS,
    SYMMETRIC_OPERATION_NAMES,
    SYMMETRIC_OPERATIONS,
    EquivariantLinear,
    GraphFeatures,
    Operation,
    SymmetricEquivariantLinear,
    operations_1to1,
    operations_1to2,
    operations_2to1,
    operations_2to2,
    pack_symmetric,
    renumber,
    square_of_pairs,
    symmetric_operations_1to2,
    symmetric_operations_2to1,
    symmetric_operations_2to2,
    unordered_pairs,
    unpack_symmetric,
)

ORDERS = ((1, 1), (1, 2), (2, 1), (2, 2))
KINDS = ("directed", "symmetric")
FUNCTIONS = {
    (1, 1): operations_1to1,
    (1, 2): operations_1to2,
    (2, 1): operations_2to1,
    (2, 2): operations_2to2,
}
# How many operations are independent for n = 1, 2, 3, 4, 5.
RANKS = {
    ("directed", (1, 1)): (1, 2, 2, 2, 2),
    ("directed", (1, 2)): (1, 4, 5, 5, 5),
    ("directed", (2, 1)): (1, 4, 5, 5, 5),
    ("directed", (2, 2)): (1, 8, 14, 15, 15),
    ("symmetric", (1, 1)): (1, 2, 2, 2, 2),
    ("symmetric", (1, 2)): (1, 3, 4, 4, 4),
    ("symmetric", (2, 1)): (1, 3, 4, 4, 4),
    ("symmetric", (2, 2)): (1, 5, 8, 9, 9),
}


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def graphs(batch: int, n: int, channels: int, seed: int = 0) -> GraphFeatures:
    return GraphFeatures(
        noise(batch, n, channels, seed=seed),
        noise(batch, n * (n - 1) // 2, channels, seed=seed + 100),
    )


def features(kind: str, order: int, batch: int, n: int, channels: int) -> Tensor | GraphFeatures:
    if order == 2 and kind == "symmetric":
        return graphs(batch, n, channels)
    return noise(batch, *[n] * order, channels)


def flat(x: Tensor | GraphFeatures) -> Tensor:
    """One tensor ``(B, rows, ...)``, nodes before pairs."""
    return torch.cat(list(x), dim=1) if isinstance(x, GraphFeatures) else x


def converted(x: Tensor | GraphFeatures, dtype: torch.dtype) -> Tensor | GraphFeatures:
    return GraphFeatures(*(p.to(dtype) for p in x)) if isinstance(x, GraphFeatures) else x.to(dtype)


def made(kind: str, orders: tuple[int, int], c_in: int = 3, c_out: int = 4, seed: int = 0):
    """A layer in double precision whose bias is not zero."""
    torch.manual_seed(seed)
    layer = {"directed": EquivariantLinear, "symmetric": SymmetricEquivariantLinear}[kind]
    found = layer(c_in, c_out, orders=orders).double()
    torch.nn.init.normal_(found.bias)
    return found


# ---------------------------------------------------------------- the null space


@cache
def representation(kind: str, order: int, n: int) -> Representation:
    one = permutation_representation(symmetric(n))
    if order == 1:
        return one
    square = tensor_product(one, one)
    if kind == "directed":
        return square
    # Restrict to symmetric matrices, in an orthonormal basis: loops, then edges.
    rows = [np.outer(e, e).ravel() for e in np.eye(n)]
    for i, j in itertools.combinations(range(n), 2):
        edge = np.zeros((n, n))
        edge[i, j] = edge[j, i] = 0.5**0.5
        rows.append(edge.ravel())
    basis = np.stack(rows)
    return Representation(one.group, basis @ square.matrices @ basis.T)


@cache
def null_space(kind: str, orders: tuple[int, int], n: int) -> np.ndarray:
    found = equivariant_basis(*(representation(kind, order, n) for order in orders))
    return found.reshape(len(found), -1)


def operation_matrices(kind: str, orders: tuple[int, int], n: int) -> np.ndarray:
    """Each operation as a matrix, row by row, found by applying it to unit vectors."""
    if kind == "directed" or orders == (1, 1):
        units = torch.eye(n ** orders[0], dtype=torch.float64)
        found = FUNCTIONS[orders](units.reshape(-1, *[n] * orders[0], 1))
        return found.reshape(len(units), -1, found.shape[-1]).permute(2, 1, 0).flatten(1).numpy()
    size = n if orders[0] == 1 else n * (n + 1) // 2
    units = torch.eye(size, dtype=torch.float64)[:, :, None]
    graph = GraphFeatures(units[:, :n], units[:, n:])
    if orders == (2, 1):
        return symmetric_operations_2to1(graph)[:, :, 0].permute(2, 1, 0).flatten(1).numpy()
    made = symmetric_operations_1to2(units) if orders[0] == 1 else symmetric_operations_2to2(graph)
    nodes, pairs = (part[:, :, 0].permute(2, 1, 0) for part in made)
    blocks = [
        torch.cat([nodes, nodes.new_zeros(len(nodes), pairs.shape[1], size)], dim=1),
        torch.cat([pairs.new_zeros(len(pairs), n, size), pairs], dim=1),
    ]
    return torch.cat(blocks).flatten(1).numpy()


def projection(rows: np.ndarray) -> np.ndarray:
    """The orthogonal projection onto the span of rows."""
    _, sizes, vectors = np.linalg.svd(rows, full_matrices=False)
    kept = vectors[sizes > 1e-9 * sizes[0]]
    return kept.T @ kept


def spans_the_null_space(operations: np.ndarray, basis: np.ndarray) -> bool:
    return bool(np.abs(projection(operations) - projection(basis)).max() < 1e-9)


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_operations_span_the_null_space(kind, orders):
    names = OPERATION_NAMES if kind == "directed" else SYMMETRIC_OPERATION_NAMES
    for n, rank in zip(range(1, 6), RANKS[kind, orders], strict=True):
        operations = operation_matrices(kind, orders, n)
        assert len(operations) == len(names[orders]) == len(set(names[orders]))
        assert np.linalg.matrix_rank(operations) == rank
        if n > 1:  # for n = 1 the group has no generators
            basis = null_space(kind, orders, n)
            assert len(basis) == rank
            assert spans_the_null_space(operations, basis)


@pytest.mark.parametrize("kind", KINDS)
def test_an_operation_is_what_is_read_and_where_it_is_written(kind):
    found = OPERATIONS if kind == "directed" else SYMMETRIC_OPERATIONS
    names = OPERATION_NAMES if kind == "directed" else SYMMETRIC_OPERATION_NAMES
    for orders in ORDERS:
        assert names[orders] == tuple(map(str, found[orders]))
        assert list(made(kind, orders).weights_by_operation()) == list(found[orders])
    assert Operation("row means", "columns") == ("row means", "columns")
    assert str(Operation("row means", "columns")) == "row means → columns"
    assert str(Operation("pairs")) == "pairs"


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_operation_and_a_foreign_one_are_noticed(kind, orders):
    operations, basis = operation_matrices(kind, orders, 4), null_space(kind, orders, 4)
    for left_out in range(len(operations)):
        assert not spans_the_null_space(np.delete(operations, left_out, axis=0), basis)
    spoiled = operations.copy()
    spoiled[0, 0] += 0.1  # one entry of the identity depends on its position
    assert not spans_the_null_space(spoiled, basis)


# ---------------------------------------------------------------- dense algebra


def dense_directed(orders: tuple[int, int], n: int) -> dict[str, Tensor]:
    """Each operation as an array over output indices, then input indices, from its name."""
    if orders == (1, 1):
        i, k = np.indices((n, n))
        found = {"nodes": i == k, "mean → all": np.ones((n, n)) / n}
    elif orders == (1, 2):
        i, j, k = np.indices((n, n, n))
        found = {
            "nodes → rows": i == k,
            "nodes → columns": j == k,
            "nodes → diagonal": (i == k) & (j == k),
            "mean → all": np.ones((n, n, n)) / n,
            "mean → diagonal": (i == j) / n,
        }
    elif orders == (2, 1):
        i, k, m = np.indices((n, n, n))
        found = {
            "diagonal": (k == i) & (m == i),
            "row means": (k == i) / n,
            "column means": (m == i) / n,
            "diagonal mean → all": (k == m) / n,
            "total mean → all": np.ones((n, n, n)) / n**2,
        }
    else:
        i, j, k, m = np.indices((n, n, n, n))
        found = {"pairs": (i == k) & (j == m), "pairs transposed": (i == m) & (j == k)}
        for place, index, where in (
            ("rows", i, True),
            ("columns", j, True),
            ("diagonal", i, i == j),
        ):
            found[f"diagonal → {place}"] = (k == index) & (m == index) & where
            found[f"row means → {place}"] = ((k == index) & where) / n
            found[f"column means → {place}"] = ((m == index) & where) / n
        for place, where in (("all", np.ones((n, n, n, n))), ("diagonal", i == j)):
            found[f"diagonal mean → {place}"] = where * (k == m) / n
            found[f"total mean → {place}"] = where / n**2
    return {name: torch.tensor(array * 1.0, dtype=torch.float64) for name, array in found.items()}


def dense_symmetric(n: int) -> dict[str, Tensor]:
    """Each operation as a matrix between nodes and pairs, filled entry by entry from sets."""
    nodes = [{i} for i in range(n)]
    pairs = [{i, j} for i in range(n) for j in range(i + 1, n)]

    def table(rows: list[set], columns: list[set], rule: Callable[[set, set], float]) -> Tensor:
        return torch.tensor([[rule(o, i) for i in columns] for o in rows], dtype=torch.float64)

    return {
        "nodes": table(nodes, nodes, lambda o, i: float(o == i)),
        "node mean → nodes": table(nodes, nodes, lambda o, i: 1 / n),
        "means at nodes": table(nodes, pairs, lambda o, i: float(o < i) / (n - 1)),
        "pair mean → nodes": table(nodes, pairs, lambda o, i: 1 / len(pairs)),
        "nodes → their pairs": table(pairs, nodes, lambda o, i: float(i < o) / 2),
        "node mean → pairs": table(pairs, nodes, lambda o, i: 1 / n),
        "pairs": table(pairs, pairs, lambda o, i: float(o == i)),
        # A pair is seen from both of its own nodes, and from one node of each neighbour.
        "means at nodes → their pairs": table(
            pairs, pairs, lambda o, i: len(o & i) / (2 * (n - 1))
        ),
        "pair mean → pairs": table(pairs, pairs, lambda o, i: 1 / len(pairs)),
    }


def dense_output(layer, x: Tensor | GraphFeatures, n: int) -> Tensor:
    """What the layer should return, by sums over all indices."""
    weights = layer.weights_by_operation()
    letters_in, letters_out = ("k", "kl")[layer.orders[0] - 1], ("i", "ij")[layer.orders[1] - 1]
    if isinstance(layer, EquivariantLinear):
        arrays = dense_directed(layer.orders, n)
        assert list(arrays) == list(map(str, weights))
        rule = f"o{letters_out}{letters_in},ocd,b{letters_in}c->b{letters_out}d"
        stacked = torch.stack(list(arrays.values()))
        out = torch.einsum(rule, stacked, torch.stack(list(weights.values())), x)
        everywhere, *diagonal = layer.bias.split(layer.out_channels)
        out = out + everywhere
        if diagonal:
            for i in range(n):
                out[:, i, i] += diagonal[0]
        return out
    parts_in = x if layer.orders[0] == 2 else (x,)
    parts = [torch.zeros(len(parts_in[0]), n, layer.out_channels[0], dtype=torch.float64)]
    if layer.orders[1] == 2:
        rows = n * (n - 1) // 2
        parts.append(torch.zeros(len(parts_in[0]), rows, layer.out_channels[1]).double())
    arrays = dense_symmetric(n)
    sizes = [part.shape[1] for part in parts]
    for operation, weight in weights.items():
        array = arrays[str(operation)]
        target = sizes.index(array.shape[0])
        source = [part.shape[1] for part in parts_in].index(array.shape[1])
        parts[target] += torch.einsum("oi,cd,bic->bod", array, weight, parts_in[source])
    for part, bias in zip(parts, layer.bias.split(layer.out_channels), strict=True):
        part += bias
    return torch.cat(parts, dim=1)


@pytest.mark.parametrize("n", [2, 4, 5, 9])  # for n = 3 there are as many pairs as nodes
@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_agree_with_dense_algebra(kind, orders, n):
    layer, x = made(kind, orders), features(kind, orders[0], 6, n, 3)
    with torch.no_grad():
        expected = dense_output(layer, x, n)
        for evaluate in (layer, layer.literal):
            assert relative_error(flat(evaluate(x)), expected).max() < 1e-12


def test_nodes_and_pairs_may_differ_in_channels():
    torch.manual_seed(1)
    layer = SymmetricEquivariantLinear((5, 3), (2, 7)).double()
    torch.nn.init.normal_(layer.bias)
    x = GraphFeatures(noise(6, 5, 5), noise(6, 10, 3, seed=1))
    weights, arrays = layer.weights_by_operation(), dense_symmetric(5)
    assert [tuple(w.shape) for w in weights.values()] == [
        *[(5, 2)] * 2, *[(3, 2)] * 2, *[(5, 7)] * 2, *[(3, 7)] * 3
    ]  # fmt: skip
    expected = {5: layer.bias[:2], 10: layer.bias[2:]}
    for operation, weight in weights.items():
        source = x.nodes if weight.shape[0] == 5 else x.pairs
        rows = 5 if weight.shape[1] == 2 else 10
        expected[rows] = expected[rows] + arrays[str(operation)] @ source @ weight
    for evaluate in (layer, layer.literal):
        out = evaluate(x)
        torch.testing.assert_close(out.nodes, expected[5])
        torch.testing.assert_close(out.pairs, expected[10])


# ---------------------------------------------------------------- renumbering


def test_renumber_is_the_action_of_the_permutation_group():
    n, action = 5, PointPermutations(5)
    p, q = action.random_elements(2, torch.Generator().manual_seed(3))
    x, a, graph = noise(4, n, 3), noise(4, n, n, 3), graphs(4, n, 3)
    torch.testing.assert_close(renumber(x, p), action.act(p, x))
    matrix = torch.zeros(n, n, dtype=torch.float64)
    matrix[p, torch.arange(n)] = 1
    torch.testing.assert_close(renumber(a, p), torch.einsum("ik,jl,bklc->bijc", matrix, matrix, a))
    full = renumber(unpack_symmetric(graph), p)
    torch.testing.assert_close(unpack_symmetric(renumber(graph, p)), full)
    for one in (x, a, graph):
        twice, once = renumber(renumber(one, q), p), renumber(one, p[q])
        assert type(twice) is type(one)
        assert torch.equal(flat(twice), flat(once))


def acting(n: int, count: int = 6) -> list[Tensor]:
    return list(PointPermutations(n).random_elements(count, torch.Generator().manual_seed(7)))


def check_equivariance(
    layer: Callable, x: Tensor | GraphFeatures, out_order: int, n: int, name: str = "layer"
) -> None:
    """Check a layer on one tensor: compact features are laid side by side, nodes before pairs."""

    def apart(y: Tensor, compact: bool) -> Tensor | GraphFeatures:
        return GraphFeatures(y[:, :n], y[:, n:]) if compact else y

    compact_in = isinstance(x, GraphFeatures)
    compact_out = isinstance(layer(x), GraphFeatures)

    def moves(compact: bool) -> dict[str, Callable[[Tensor], Tensor]]:
        return {
            str(p.tolist()): lambda y, p=p: flat(renumber(apart(y, compact), p)) for p in acting(n)
        }

    tolerance = 1e-5 if flat(x).dtype == torch.float32 else 1e-13
    assert_equivariant(
        lambda y: flat(layer(apart(y, compact_in))),
        flat(x),
        moves(compact_in),
        moves(compact_out),
        tolerance=tolerance,
        name=name,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [2, 3, 5, 9])
@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_commute_with_renumbering(kind, orders, n, dtype):
    layer = made(kind, orders).to(dtype)
    x = converted(features(kind, orders[0], 6, n, 3), dtype)
    for evaluate in (layer, layer.literal):
        check_equivariance(evaluate, x, orders[1], n)


def test_a_compact_layer_commutes_as_a_map_of_matrices():
    """The same, seen from outside: symmetric matrix in, symmetric matrix out."""
    layer, n = made("symmetric", (2, 2)), 6
    matrices = unpack_symmetric(graphs(5, n, 3))
    moves = [lambda a, p=p: renumber(a, p) for p in acting(n)]
    assert_equivariant(
        lambda a: unpack_symmetric(layer(pack_symmetric(a))),
        matrices,
        moves,
        moves,
        tolerance=1e-13,
    )
    assert layer(pack_symmetric(matrices)).nodes.shape == (5, n, 4)


# ---------------------------------------------------------------- broken layers


class Broken:
    """Layers from pairs to pairs, each with one slip, built on a correct one."""

    def __init__(self) -> None:
        self.directed = made("directed", (2, 2))
        self.symmetric = made("symmetric", (2, 2))
        self.weights = self.directed.weights_by_operation()

    def positional_weight(self, a: Tensor) -> Tensor:
        scale = 1 + 0.001 * torch.arange(a.shape[1], dtype=a.dtype)
        return self.directed(a * scale[:, None, None])

    def positional_bias(self, a: Tensor) -> Tensor:
        out = self.directed(a)
        out[:, 0] += 0.001
        return out

    def only_first_slots(self, a: Tensor) -> Tensor:
        """Sums run over the first slots, where the existing nodes happen to be stored."""
        mask = (torch.arange(a.shape[1]) < a.shape[1] - 1).to(a.dtype)[:, None, None]
        mean = (a * mask).mean((1, 2), keepdim=True)
        return self.directed(a) + mean @ self.weights["pairs", ""]

    def only_upper_half(self, a: Tensor) -> Tensor:
        return self.directed(a.permute(0, 3, 1, 2).triu().permute(0, 2, 3, 1))

    def mean_of_the_batch(self, a: Tensor) -> Tensor:
        return self.directed(a - a.mean(0))

    def row_for_column(self, a: Tensor) -> Tensor:
        """Row means stand where column means belong: still equivariant, but the wrong map."""
        w = self.weights["column means", "rows"]
        return self.directed(a) + (a.mean(2) - a.mean(1))[:, :, None] @ w

    def only_existing_nodes(self, a: Tensor) -> Tensor:
        """Nodes with a negative diagonal are left out of the sums: equivariant, not linear."""
        exists = (a.diagonal(dim1=1, dim2=2).sum(1) > 0).to(a.dtype)[:, :, None, None]
        return (
            self.directed(a) + (a * exists).mean((1, 2), keepdim=True) @ self.weights["pairs", ""]
        )

    def one_end_only(self, x: GraphFeatures) -> GraphFeatures:
        """A pair hears its smaller node only; the transpose is missing."""
        out = self.symmetric(x)
        first, second = unordered_pairs(x.nodes.shape[1])
        w = self.symmetric.weights_by_operation()["nodes", "their pairs"]
        return GraphFeatures(
            out.nodes, out.pairs + (x.nodes[:, first] - x.nodes[:, second]) @ w / 2
        )

    def half_a_neighbourhood(self, x: GraphFeatures) -> GraphFeatures:
        """A node hears only those of its pairs in which it is the smaller one."""
        out, (first, _) = self.symmetric(x), unordered_pairs(x.nodes.shape[1])
        w = self.symmetric.weights_by_operation()["means at nodes", ""]
        heard = torch.zeros_like(x.nodes).index_add(1, first, x.pairs) @ w
        return GraphFeatures(out.nodes + heard, out.pairs)

    def pairs_in_another_order(self, x: GraphFeatures) -> GraphFeatures:
        return self.symmetric(GraphFeatures(x.nodes, x.pairs.flip(1)))


NOT_EQUIVARIANT = (
    "positional_weight",
    "positional_bias",
    "only_first_slots",
    "only_upper_half",
    "one_end_only",
    "half_a_neighbourhood",
    "pairs_in_another_order",
)
WRONG_MAP = (*NOT_EQUIVARIANT, "mean_of_the_batch", "row_for_column", "only_existing_nodes")
COMPACT = ("one_end_only", "half_a_neighbourhood", "pairs_in_another_order")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NOT_EQUIVARIANT)
def test_the_check_of_equivariance_refuses_broken_layers(name, dtype):
    broken, n = Broken(), 5
    x = features("symmetric" if name in COMPACT else "directed", 2, 6, n, 3)
    # Broken layers hold double weights; the inputs are rounded to single precision.
    rounded = converted(converted(x, dtype), torch.float64)
    with pytest.raises(AssertionError, match=f"{name} is not equivariant"):
        check_equivariance(getattr(broken, name), rounded, 2, n, name)


@pytest.mark.parametrize("name", WRONG_MAP)
def test_dense_algebra_refuses_broken_layers(name):
    broken, n, compact = Broken(), 5, name in COMPACT
    layer = broken.symmetric if compact else broken.directed
    x = features("symmetric" if compact else "directed", 2, 6, n, 3)
    with torch.no_grad():
        expected = dense_output(layer, x, n)
        assert relative_error(flat(layer(x)), expected).max() < 1e-12
        assert relative_error(flat(getattr(broken, name)(x)), expected).max() > 1e-5


@pytest.mark.parametrize("name", ["row_for_column", "only_existing_nodes"])
def test_equivariance_alone_does_not_see_every_slip(name):
    """Why both checks are needed: these two commute with renumbering."""
    check_equivariance(getattr(Broken(), name), noise(6, 5, 5, 3), 2, 5)


# ---------------------------------------------------------------- literal and fast


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 9, 12])
@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_literal_and_fast_are_equal(kind, orders, n, bias):
    cls = EquivariantLinear if kind == "directed" else SymmetricEquivariantLinear
    torch.manual_seed(2)
    layer = cls(20, 20, orders=orders, bias=bias)
    if bias:
        torch.nn.init.normal_(layer.bias)
    x = converted(features(kind, orders[0], 16, n, 20), torch.float32)
    fast, literal = layer(x), layer.literal(x)
    assert type(fast) is type(literal)
    assert flat(fast).shape == flat(literal).shape
    assert relative_error(flat(fast), flat(literal)).max() < 1e-5


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_equal_and_right(kind, orders):
    layer, x = made(kind, orders, 2, 3), features(kind, orders[0], 2, 4, 2)
    inputs = list(x) if isinstance(x, GraphFeatures) else [x]
    inputs = [one.requires_grad_() for one in inputs]
    parameters = list(layer.parameters())
    gradients = []
    for evaluate in (layer, layer.literal):
        out = flat(evaluate(GraphFeatures(*inputs) if len(inputs) == 2 else inputs[0]))
        gradients.append(torch.autograd.grad((out * noise(*out.shape, seed=5)).sum(),
                                             [*inputs, *parameters]))  # fmt: skip
    for fast, literal in zip(*gradients, strict=True):
        assert fast.abs().max() > 0.01
        torch.testing.assert_close(fast, literal, rtol=1e-10, atol=1e-12)
    names = [name for name, _ in layer.named_parameters()]

    def function(*tensors: Tensor) -> Tensor:
        given = GraphFeatures(*tensors[:2]) if len(inputs) == 2 else tensors[0]
        state = dict(zip(names, tensors[len(inputs) :], strict=True))
        return flat(torch.func.functional_call(layer, state, (given,)))

    assert torch.autograd.gradcheck(function, (*inputs, *parameters))


@pytest.mark.parametrize("n", [2, 3, 4, 9])
@pytest.mark.parametrize("orders", ORDERS)
def test_a_compact_layer_is_a_directed_layer_on_symmetric_matrices(orders, n):
    layer, x = made("symmetric", orders), features("symmetric", orders[0], 5, n, 3)
    state = torch.get_rng_state()
    directed = layer.as_directed(n)
    assert torch.equal(torch.get_rng_state(), state)
    full = unpack_symmetric(x) if isinstance(x, GraphFeatures) else x
    out = layer(x)
    expected = unpack_symmetric(out) if isinstance(out, GraphFeatures) else out
    for evaluate in (directed, directed.literal):
        assert relative_error(evaluate(full), expected).max() < 1e-12
    if orders[0] == 2 and n < 9:  # for another number of nodes it is another layer
        other = layer.as_directed(n + 1)
        assert relative_error(other(full), expected).max() > 1e-3


def test_the_compact_form_has_the_dimension_of_the_maps_between_symmetric_matrices():
    """All directed maps, restricted to symmetric matrices and made symmetric, span 9."""
    n = 4
    named = operation_matrices("directed", (2, 2), n).reshape(15, n * n, n * n)
    symmetrise = (
        np.eye(n * n) + np.eye(n * n).reshape(n, n, -1).swapaxes(0, 1).reshape(n * n, -1)
    ) / 2
    restricted = symmetrise @ named @ symmetrise
    assert np.linalg.matrix_rank(restricted.reshape(15, -1)) == 9


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize(
    ("kind", "operations"),
    [("directed", {(1, 1): 2, (1, 2): 5, (2, 1): 5, (2, 2): 15}),
     ("symmetric", {(1, 1): 2, (1, 2): 4, (2, 1): 4, (2, 2): 9})],
)  # fmt: skip
def test_numbers_of_parameters(kind, operations, orders):
    layer = made(kind, orders, 3, 5)
    count = sum(parameter.numel() for parameter in layer.parameters())
    assert count == operations[orders] * 3 * 5 + orders[1] * 5
    assert len(layer.weights_by_operation()) == operations[orders]
    plain = type(layer)(3, 5, orders=orders, bias=False)
    assert count - sum(p.numel() for p in plain.parameters()) == orders[1] * 5
    assert f"order {orders[0]} → {orders[1]}, {operations[orders]} operations" in repr(layer)


def mean_squares(x: Tensor | GraphFeatures) -> list[float]:
    """Mean squares on nodes (or the diagonal) and off the diagonal."""
    if isinstance(x, Tensor) and x.ndim == 4:
        n = x.shape[1]
        off = x[:, ~torch.eye(n, dtype=torch.bool)]
        x = GraphFeatures(x.diagonal(dim1=1, dim2=2).mT, off)
    return [float(p.square().mean()) for p in (x if isinstance(x, GraphFeatures) else (x,))]


@pytest.mark.parametrize("orders", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_initial_weights_keep_the_variance(kind, orders):
    """Independent inputs of variance 1 at n = 9; the means over draws are 1 within 10 %."""
    cls = EquivariantLinear if kind == "directed" else SymmetricEquivariantLinear
    torch.manual_seed(4)
    x = converted(features(kind, orders[0], 32, 9, 32), torch.float32)
    with torch.no_grad():
        draws = [mean_squares(cls(32, 32, orders=orders)(x)) for _ in range(20)]
    np.testing.assert_allclose(np.mean(draws, axis=0), 1, atol=0.1)
    assert torch.equal(cls(3, 3, orders=orders).bias, torch.zeros(3 * orders[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_no_part_of_the_features_grows_with_depth(kind):
    """Ten layers deep, also for constant features, the irreducible part that would grow first."""
    cls = EquivariantLinear if kind == "directed" else SymmetricEquivariantLinear
    torch.manual_seed(5)
    start = converted(features(kind, 2, 8, 9, 64), torch.float32)
    constant = converted(features(kind, 2, 8, 9, 64), torch.float32)
    if isinstance(constant, GraphFeatures):
        constant = GraphFeatures(*(p.mean(1, keepdim=True).expand_as(p) * 9 for p in constant))
    else:
        constant = constant.mean((1, 2), keepdim=True).expand_as(constant) * 9

    def growth(x: Tensor | GraphFeatures, *, naive: bool) -> float:
        ratios = []
        for _ in range(5):
            y = x
            for _ in range(10):
                layer = cls(64, 64)
                if naive:  # independent weights of equal size, right for independent inputs
                    for weight in layer.weights_by_operation().values():
                        torch.nn.init.normal_(weight, std=(64 * 1.25) ** -0.5)
                y = layer(y)
            ratios.append(float(flat(y).square().mean() / flat(x).square().mean()))
        return float(np.mean(ratios))

    with torch.no_grad():
        for x in (start, constant):
            assert 0.4 < growth(x, naive=False) < 2.5
            assert growth(x, naive=True) > 100  # the control


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [4, 20])
def test_initial_weights_for_another_number_of_nodes(n, kind):
    cls = EquivariantLinear if kind == "directed" else SymmetricEquivariantLinear
    torch.manual_seed(6)
    x = converted(features(kind, 2, 16, n, 16), torch.float32)
    with torch.no_grad():
        found = [mean_squares(cls(16, 16, nodes=n)(x)) for _ in range(30)]
    np.testing.assert_allclose(np.mean(found, axis=0), 1, atol=0.12)


def test_weights_by_operation_are_live():
    for layer in (made("directed", (2, 2)), made("symmetric", (2, 2))):
        for name, weight in layer.weights_by_operation().items():
            gradients = torch.autograd.grad(
                weight.sum(), list(layer.parameters()), allow_unused=True
            )
            assert sum(float(g.sum()) for g in gradients if g is not None) == weight.numel(), name


# ---------------------------------------------------------------- the compact form


def test_pack_and_unpack():
    a = noise(3, 4, 4, 2)
    a = a + a.transpose(1, 2)
    packed = pack_symmetric(a)
    assert packed.nodes.shape == (3, 4, 2)
    assert packed.pairs.shape == (3, 6, 2)
    assert torch.equal(unordered_pairs(4), torch.triu_indices(4, 4, 1))
    for place, (i, j) in enumerate([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]):
        assert torch.equal(packed.pairs[:, place], a[:, i, j])
    assert torch.equal(unpack_symmetric(packed), a)
    graph = graphs(3, 5, 2)
    assert torch.equal(flat(pack_symmetric(unpack_symmetric(graph))), flat(graph))
    assert unpack_symmetric(pack_symmetric(noise(2, 1, 1, 3))).shape == (2, 1, 1, 3)


def test_gradients_flow_through_pack_and_unpack():
    x = [part.requires_grad_() for part in graphs(2, 4, 1)]
    assert torch.autograd.gradcheck(lambda n, p: unpack_symmetric(GraphFeatures(n, p)), x)
    out = pack_symmetric(unpack_symmetric(GraphFeatures(*x)))
    (out.nodes.sum() + out.pairs.sum()).backward()
    assert all(torch.equal(one.grad, torch.ones_like(one)) for one in x)


@pytest.mark.parametrize("kind", KINDS)
def test_modes_types_copies_and_empty_batches(kind):
    layer, x = made(kind, (2, 2)).float(), converted(features(kind, 2, 3, 9, 3), torch.float32)
    expected = flat(layer(x))
    with torch.inference_mode():
        torch.testing.assert_close(flat(layer(x)), expected)
    torch.testing.assert_close(flat(layer(x)), expected)
    torch.testing.assert_close(flat(copy.deepcopy(layer)(x)), expected)
    double = copy.deepcopy(layer).double()(converted(x, torch.float64))
    torch.testing.assert_close(flat(double).float(), expected)
    assert set(layer.state_dict()) == {"pair_weight", "node_weight", "graph_weight", "bias"}
    other = type(layer)(3, 4, nodes=12)
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(flat(other(x)), expected)
    assert flat(layer(converted(features(kind, 2, 0, 9, 3), torch.float32))).shape[0] == 0
    assert type(layer)(3, 4, orders=[2, 2]).orders == (2, 2)


# ---------------------------------------------------------------- bad input


GRAPH = GraphFeatures(torch.zeros(2, 4, 3), torch.zeros(2, 6, 3))
REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "axes of nodes": (
        lambda: operations_1to2(torch.zeros(2, 4)),
        ValueError, "x must have 3 axes, shape (B, n, C), but the shape is (2, 4)",
    ),
    "axes of pairs": (
        lambda: operations_2to1(torch.zeros(2, 4, 3)),
        ValueError, "a must have 4 axes, shape (B, n, n, C)",
    ),
    "no square": (
        lambda: EquivariantLinear(3, 3)(torch.zeros(2, 4, 5, 3)),
        ValueError, "x must have as many rows as columns",
    ),
    "no nodes": (
        lambda: operations_2to2(torch.zeros(2, 0, 0, 3)),
        ValueError, "a must have at least one node",
    ),
    "no nodes in a vector": (
        lambda: operations_1to1(torch.zeros(2, 0, 3)),
        ValueError, "x must have at least one node",
    ),
    "integers": (
        lambda: operations_2to2(torch.zeros(2, 4, 4, 3, dtype=torch.long)),
        TypeError, "a must be a floating-point tensor, not torch.int64",
    ),
    "an array": (
        lambda: EquivariantLinear(3, 3)(np.zeros((2, 4, 4, 3))),
        TypeError, "x must be a tensor of shape (B, n, n, C), not ndarray",
    ),
    "channels": (
        lambda: EquivariantLinear(3, 3)(torch.zeros(2, 4, 4, 5)),
        ValueError, "x must have 3 channels on its last axis, but the shape is (2, 4, 4, 5)",
    ),
    "channels of pairs": (
        lambda: SymmetricEquivariantLinear((3, 2), 3)(GRAPH),
        ValueError, "x.pairs must have 2 channels on its last axis",
    ),
    "double input": (
        lambda: EquivariantLinear(3, 3)(torch.zeros(2, 4, 4, 3).double()),
        TypeError, "x must have the type of the weights, torch.float32, but it is torch.float64",
    ),
    "wrong number of pairs": (
        lambda: SymmetricEquivariantLinear(3, 3)(GRAPH._replace(pairs=torch.zeros(2, 10, 3))),
        ValueError, "2 graphs of 4 nodes have pairs of shape (2, 6, C), but x.pairs has shape "
        "(2, 10, 3)",
    ),
    "another batch": (
        lambda: symmetric_operations_2to2(GRAPH._replace(pairs=torch.zeros(3, 6, 3))),
        ValueError, "2 graphs of 4 nodes have pairs of shape (2, 6, C)",
    ),
    "two types": (
        lambda: unpack_symmetric(GRAPH._replace(pairs=GRAPH.pairs.double())),
        TypeError, "nodes and pairs must be of one type",
    ),
    "unequal channels": (
        lambda: unpack_symmetric(GRAPH._replace(pairs=torch.zeros(2, 6, 5))),
        ValueError, "nodes and pairs must have equally many channels, but they have 3 and 5",
    ),
    "matrix for compact": (
        lambda: SymmetricEquivariantLinear(3, 3)(torch.zeros(2, 4, 4, 3)),
        TypeError, "x must be GraphFeatures(nodes, pairs), not a tensor; use pack_symmetric",
    ),
    "compact for nodes": (
        lambda: SymmetricEquivariantLinear(3, 3, orders=(1, 2))(GRAPH),
        TypeError, "x must be a tensor of nodes, (B, n, C), not GraphFeatures",
    ),
    "a plain tuple": (
        lambda: symmetric_operations_2to1((GRAPH.nodes, GRAPH.pairs)),
        TypeError, "x must be GraphFeatures(nodes, pairs), as pack_symmetric makes them, not tuple",
    ),
    "asymmetric": (
        lambda: pack_symmetric(torch.arange(32.0).reshape(2, 4, 4, 1)),
        ValueError, "a must be symmetric, but an entry differs from its mirror image by 9",
    ),
    "slightly asymmetric": (
        lambda: pack_symmetric(torch.ones(1, 4, 4, 1) + 1e-4 * torch.eye(4).roll(1, 0)[..., None]),
        ValueError, "a must be symmetric",
    ),
    "not a number": (
        lambda: pack_symmetric(torch.full((2, 4, 4, 1), math.nan)),
        ValueError, "a holds NaN or infinite values",
    ),
    "no permutation": (
        lambda: renumber(GRAPH, torch.tensor([0, 1, 2, 2])),
        ValueError, "permutation must hold each of 0 to 3 once, shape (4,), but it is [0, 1, 2, 2]",
    ),
    "permutation of five": (
        lambda: renumber(GRAPH.nodes, torch.arange(5)),
        ValueError, "permutation must hold each of 0 to 3 once",
    ),
    "orders": (
        lambda: EquivariantLinear(3, 3, orders=(1, 3)),
        ValueError, "orders of input and output is one of (1, 1), (1, 2), (2, 1), (2, 2)",
    ),
    "no channels": (
        lambda: EquivariantLinear(0, 3), ValueError, "in_channels is at least 1",
    ),
    "half a channel": (
        lambda: EquivariantLinear(3, 2.5), TypeError, "out_channels is an integer",
    ),
    "two channels for nodes": (
        lambda: SymmetricEquivariantLinear((3, 4), 3, orders=(1, 2)),
        ValueError, "in_channels must be one number, or for order 2 two, for nodes and for pairs",
    ),
    "few nodes": (
        lambda: EquivariantLinear(3, 3, nodes=3), ValueError, "nodes is at least 4",
    ),
    "one node as a matrix": (
        lambda: SymmetricEquivariantLinear(3, 3).as_directed(1),
        ValueError, "n is at least 2",
    ),
    "two widths as a matrix": (
        lambda: SymmetricEquivariantLinear((3, 2), 3).as_directed(4),
        ValueError, "a matrix has as many channels on its diagonal as off it",
    ),
    "no node": (lambda: unordered_pairs(0), ValueError, "n is at least 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_sentence(case):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=re.escape(message)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_rounding_does_not_make_a_matrix_asymmetric():
    a = unpack_symmetric(graphs(2, 4, 3))
    pack_symmetric(a + 1e-7 * noise(*a.shape, seed=9))


def test_values_of_pairs_as_symmetric_arrays_of_any_type() -> None:
    for pairs in (torch.arange(1, 13, dtype=torch.uint8).view(2, 6), torch.randn(2, 6, 3, 2)):
        square = square_of_pairs(pairs, 4)
        assert square.dtype == pairs.dtype
        for number, (i, j) in enumerate(itertools.combinations(range(4), 2)):
            assert torch.equal(square[:, i, j], pairs[:, number])
            assert torch.equal(square[:, j, i], pairs[:, number])
        assert not bool(square.diagonal(dim1=1, dim2=2).any())
    assert square_of_pairs(torch.zeros(3, 0), 1).shape == (3, 1, 1)
    with pytest.raises(ValueError, match=r"pairs must have shape \(B, 6, ...\) for 4 nodes"):
        square_of_pairs(torch.zeros(2, 5), 4)
