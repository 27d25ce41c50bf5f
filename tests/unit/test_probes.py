"""Probes against computations by hand, against chance, and against bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from utils import probes

Array = np.ndarray[Any, Any]


def blobs(
    count: int = 300, *, distance: float = 4.0, classes: int = 5, width: int = 6, seed: int = 0
) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = distance * np.random.default_rng(99).standard_normal((classes, width))
    return centres[labels] + generator.standard_normal((count, width)), labels


TRAIN, TRAIN_LABELS = blobs()
TEST, TEST_LABELS = blobs(200, seed=1)
NOISE = np.random.default_rng(2).standard_normal((300, 6))


# ---------------------------------------------------------------- principal components


def test_pca_is_the_eigendecomposition_of_the_covariance() -> None:
    result = probes.pca(TRAIN, 3)
    values, vectors = np.linalg.eigh(np.cov(TRAIN.T))
    order = np.argsort(values)[::-1]
    np.testing.assert_allclose(
        result.explained_variance_ratio, values[order][:3] / values.sum(), rtol=1e-10
    )
    overlaps = np.abs(np.sum(result.components * vectors[:, order[:3]].T, axis=1))
    np.testing.assert_allclose(overlaps, 1, atol=1e-10)
    np.testing.assert_allclose(result.components @ result.components.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(result.scores.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(result.scores, result.transform(TRAIN), atol=1e-12)


def test_pca_centres() -> None:
    far = probes.pca(TRAIN + 1000.0)
    np.testing.assert_allclose(far.scores, probes.pca(TRAIN).scores, atol=1e-8)


@given(st.permutations(list(range(len(NOISE)))))
@settings(max_examples=10, deadline=None)
def test_pca_does_not_depend_on_the_order_of_the_codes(order: list[int]) -> None:
    """The signs are fixed by the directions and not by the examples."""
    first, second = probes.pca(NOISE), probes.pca(NOISE[order])
    np.testing.assert_allclose(second.components, first.components, atol=1e-8)
    np.testing.assert_allclose(second.scores, first.scores[order], atol=1e-8)


def test_pca_signs_are_fixed() -> None:
    components = probes.pca(TRAIN, 6).components
    largest = np.abs(components).argmax(axis=1)
    assert (components[np.arange(6), largest] > 0).all()
    mirrored = probes.pca(-TRAIN, 6).components
    np.testing.assert_allclose(mirrored, components, atol=1e-8)


# ---------------------------------------------------------------- classification


def by_hand(distances: Array, known: Array, wanted: Array, k: int) -> float:
    right = 0
    for row, label in zip(distances, wanted, strict=True):
        votes = np.bincount(known[np.argsort(row)[:k]])
        right += int(votes.argmax() == label)
    return right / len(wanted)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_knn_agrees_with_counting_by_hand(k: int) -> None:
    train, known = blobs(120, distance=1.0)
    test, wanted = blobs(90, distance=1.0, seed=1)
    distances = cdist(test, train)
    expected = by_hand(distances, known, wanted, k)
    assert 0.3 < expected < 0.95  # neither trivial nor chance
    assert probes.knn_accuracy(train, known, test, wanted, k=k) == pytest.approx(expected)
    assert probes.knn_accuracy_from_distances(distances, known, wanted, k=k) == pytest.approx(
        expected
    )


def test_any_metric_can_be_given_as_distances() -> None:
    """Codes on a circle with a jump at 0: the metric of the circle finds what Euclid misses."""
    turns, labels = np.arange(0, 1, 0.01), np.arange(100) // 50
    shifted = (turns + 0.25 + 0.003) % 1
    labels = ((turns + 0.25) % 1 < 0.5).astype(int)
    wanted = ((shifted + 0.25) % 1 < 0.5).astype(int)
    gap = np.abs(shifted[:, None] - turns[None])
    circle = np.minimum(gap, 1 - gap)
    assert probes.knn_accuracy_from_distances(circle, labels, wanted, k=1) >= 0.98
    assert probes.knn_accuracy_from_distances(circle.max() - circle, labels, wanted, k=1) < 0.5


def test_logistic_regression_reads_linear_classes_and_only_those() -> None:
    generator = np.random.default_rng(0)
    points = generator.standard_normal((600, 2))
    linear = (points @ [1.0, -2.0] > 0).astype(int)
    corners = (points[:, 0] * points[:, 1] > 0).astype(int)
    half = slice(0, 300), slice(300, 600)
    read = [
        probes.logistic_accuracy(points[half[0]], labels[half[0]], points[half[1]], labels[half[1]])
        for labels in (linear, corners)
    ]
    assert read[0] > 0.97
    assert read[1] < 0.65


def test_logistic_regression_standardises() -> None:
    scale = np.array([1e-4, 1, 1e4, 1, 1, 1])
    arguments = (TRAIN_LABELS, TEST * scale, TEST_LABELS)
    scaled = probes.logistic_accuracy(TRAIN * scale, *arguments)
    plain = probes.logistic_accuracy(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)
    assert scaled == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize("probe", [probes.knn_accuracy, probes.logistic_accuracy])
def test_codes_that_hold_nothing_are_read_at_chance(probe: Callable[..., float]) -> None:
    generator = np.random.default_rng(3)
    train, test = generator.standard_normal((1000, 4)), generator.standard_normal((1000, 4))
    labels = np.arange(1000) % 5
    assert probe(train, labels, test, labels) == pytest.approx(0.2, abs=0.06)


def test_tensors_are_welcome() -> None:
    codes, labels = torch.tensor(TRAIN, dtype=torch.float32), torch.tensor(TRAIN_LABELS)
    codes.requires_grad_()
    value = probes.knn_accuracy(codes, labels, torch.tensor(TEST), torch.tensor(TEST_LABELS))
    assert value == probes.knn_accuracy(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS)


def test_codes_are_read_and_not_written_and_threads_are_given_back() -> None:
    codes, labels = blobs(distance=20.0)
    codes.setflags(write=False)  # writing to them raises an error
    with threadpool_limits(2):
        before = [pool["num_threads"] for pool in threadpool_info()]
        assert max(before) > 1  # or nothing could be given back
        probes.knn_accuracy(codes, labels, codes, labels)
        probes.logistic_accuracy(codes, labels, codes, labels)
        probes.retrieval_accuracy(codes, codes, np.arange(len(codes)))
        probes.ridge_r2(codes, codes, codes, codes)
        probes.nmi(codes, labels)
        probes.pca(codes)
        assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_probes_compute_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Watched(probes.components.PCA):  # type: ignore[misc]
        def fit(self, matrix: Array) -> Watched:
            seen.append({pool["num_threads"] for pool in threadpool_info()})
            return super().fit(matrix)

    monkeypatch.setattr(probes.components, "PCA", Watched)
    with threadpool_limits(2):
        probes.pca(TRAIN)
    assert seen == [{1}]


# ---------------------------------------------------------------- retrieval


def test_retrieval_finds_items_and_counts_the_misses() -> None:
    gallery = np.arange(10.0)[:, None]
    queries = np.array([[0.1], [5.2], [8.6], [3.6]])
    index = np.array([0, 5, 9, 3])  # the last is nearest to 4
    assert probes.retrieval_accuracy(queries, gallery, index) == 0.75
    assert probes.retrieval_accuracy(queries, gallery, index, k=2) == 1.0
    distances = cdist(queries, gallery)
    assert probes.retrieval_accuracy_from_distances(distances, index) == 0.75
    assert probes.retrieval_accuracy_from_distances(distances, index, k=2) == 1.0
    assert probes.retrieval_accuracy(queries, gallery, (index + 1) % 10) == 0.25


@pytest.mark.parametrize("k", [1, 2, 5, 30])
def test_retrieval_from_distances_ranks_ties_as_a_stable_sort_does(k: int) -> None:
    generator = np.random.default_rng(4)
    distances = generator.integers(0, 8, size=(200, 30)).astype(np.float64)
    index = generator.integers(0, 30, size=200)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :k]
    expected = (nearest == index[:, None]).any(axis=1).mean()
    assert probes.retrieval_accuracy_from_distances(distances, index, k=k) == expected


# ---------------------------------------------------------------- clusters


def test_nmi_of_separate_blobs_is_one_and_of_noise_nearly_zero() -> None:
    codes, labels = blobs(distance=20.0)
    assert probes.nmi(codes, labels) == pytest.approx(1.0)
    assert probes.nmi(NOISE, labels) < 0.1
    assert probes.nmi(codes, 7 - 3 * labels) == pytest.approx(1.0)  # names do not matter
    assert probes.nmi(codes, labels, clusters=2) < 0.8
    assert probes.nmi(NOISE, labels, seed=4) == probes.nmi(NOISE, labels, seed=4)


# ---------------------------------------------------------------- few labels


@given(st.integers(5, 60), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_a_stratified_subset_is_even(count: int, seed: int) -> None:
    chosen = probes.stratified_subset(TRAIN_LABELS, count, seed=seed)
    sizes = np.bincount(TRAIN_LABELS[chosen], minlength=5)
    assert sizes.sum() == count == len(set(chosen.tolist()))
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(chosen, probes.stratified_subset(TRAIN_LABELS, count, seed=seed))


def test_a_stratified_subset_depends_on_the_seed_and_reaches_every_example() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    seen = {tuple(probes.stratified_subset(labels, 2, seed=seed)) for seed in range(200)}
    assert seen == {(i, j) for i in range(3) for j in range(3, 6)}


@pytest.mark.parametrize("probe", ["knn", "logistic"])
def test_more_labels_help(probe: Any) -> None:
    train, known = blobs(distance=0.8)
    test, wanted = blobs(200, distance=0.8, seed=1)
    few, many = (
        probes.few_label_accuracy(train, known, test, wanted, count=count, probe=probe)
        for count in (5, 200)
    )
    assert many.mean > few.mean + few.std
    assert len(few.values) == 5
    assert few.mean == pytest.approx(np.mean(few.values))
    assert few.std == pytest.approx(np.std(few.values, ddof=1))


def test_distances_and_codes_are_judged_on_the_same_labels() -> None:
    train, known = blobs(distance=0.8)
    arguments: dict[str, Any] = {"count": 20, "repeats": 3, "seed": 7}
    codes = probes.few_label_accuracy(train, known, TEST, TEST_LABELS, **arguments)
    distances = probes.few_label_accuracy_from_distances(
        cdist(TEST, train), known, TEST_LABELS, **arguments
    )
    assert codes.values == pytest.approx(distances.values)
    assert codes.std > 0


def test_a_spread_reads_well() -> None:
    assert str(probes.spread([0.5, 0.6, 0.7])) == "0.600 ± 0.100"


# ---------------------------------------------------------------- bad input

BROKEN = TRAIN.copy()
BROKEN[3, 2] = np.nan


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: probes.pca(TRAIN[:, :, None]), "must be a matrix with one code a row"),
        (lambda: probes.pca(BROKEN), "1 of its 300 rows hold NaN"),
        (lambda: probes.pca(TRAIN, 7), "components is from 1 to 6"),
        (lambda: probes.pca(np.ones((4, 3))), "all equal"),
        (lambda: probes.pca(np.ones((0, 3))), "must not be empty"),
        (lambda: probes.pca(TRAIN).transform(TRAIN[:, :4]), "4 columns and components has 6"),
        (
            lambda: probes.knn_accuracy(TRAIN, TRAIN_LABELS[:5], TEST, TEST_LABELS),
            r"train_labels must have shape \(300,\)",
        ),
        (
            lambda: probes.knn_accuracy(TRAIN[:, :5], TRAIN_LABELS, TEST, TEST_LABELS),
            "train_codes has 5 columns and test_codes has 6",
        ),
        (
            lambda: probes.knn_accuracy(TRAIN[:4], TRAIN_LABELS[:4], TEST, TEST_LABELS),
            "k of neighbours is from 1 to 4",
        ),
        (
            lambda: probes.logistic_accuracy(TRAIN, 0 * TRAIN_LABELS, TEST, TEST_LABELS),
            "a single class",
        ),
        (
            lambda: probes.logistic_accuracy(TRAIN, TRAIN_LABELS, TEST, TEST_LABELS, penalty=0),
            "penalty must be positive",
        ),
        (
            lambda: probes.knn_accuracy_from_distances(
                -cdist(TEST, TRAIN), TRAIN_LABELS, TEST_LABELS
            ),
            "not similarities",
        ),
        (
            lambda: probes.knn_accuracy_from_distances(
                cdist(TRAIN, TEST), TRAIN_LABELS, TEST_LABELS
            ),
            r"must have shape \(200,\)",
        ),
        (lambda: probes.retrieval_accuracy(TEST, TRAIN, np.full(200, 300)), "0 to 299"),
        (lambda: probes.retrieval_accuracy(TEST, TRAIN, np.full(200, -1)), "from -1"),
        (lambda: probes.nmi(TRAIN, TRAIN_LABELS, clusters=301), "clusters is from 1 to 300"),
        (lambda: probes.stratified_subset(TRAIN_LABELS, 4, seed=0), "too few for 5 classes"),
        (
            lambda: probes.stratified_subset(np.array([0, 0, 0, 0, 1]), 4, seed=0),
            "class 1 has 1 examples, but 2 are needed",
        ),
        (
            lambda: probes.few_label_accuracy(
                TRAIN, TRAIN_LABELS, TEST, TEST_LABELS, count=50, repeats=1
            ),
            "repeats .* is at least 2",
        ),
        (
            lambda: probes.few_label_accuracy(
                TRAIN,
                TRAIN_LABELS,
                TEST,
                TEST_LABELS,
                count=50,
                probe="oracle",  # type: ignore[arg-type]
            ),
            "The probe is one of",
        ),
        (lambda: probes.spread([1.0]), "at least two"),
        (lambda: probes.spread([1.0, float("nan")]), "finite"),
    ],
)
def test_bad_values_get_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: probes.pca(TRAIN.astype(str)), "must be real numbers"),
        (lambda: probes.pca(TRAIN, 1.5), "components is an integer"),  # type: ignore[arg-type]
        (
            lambda: probes.knn_accuracy(TRAIN, TRAIN_LABELS / 2, TEST, TEST_LABELS),
            "train_labels must be integers",
        ),
    ],
)
def test_bad_types_get_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(TypeError, match=sentence):
        call()


# ---------------------------------------------------------------- regression


def quantities(count: int, *, seed: int) -> tuple[Array, Array]:
    """Codes and two quantities: one linear, one that only a curved readout can reach."""
    generator = np.random.default_rng(seed)
    codes = generator.uniform(-1, 1, (count, 2))
    linear = 100 + 30 * codes[:, 0]
    curved = codes[:, 0] * codes[:, 1] + 0.01 * generator.standard_normal(count)
    return codes, np.column_stack([linear, curved])


FIT, FIT_VALUES = quantities(800, seed=0)
JUDGE, JUDGE_VALUES = quantities(300, seed=1)
EVERY_REGRESSION: dict[str, Callable[..., Array]] = {
    "ridge": probes.ridge_r2,
    "knn": probes.knn_r2,
    "mlp": lambda *a: probes.mlp_r2(*a, seed=0),
}


def test_ridge_reads_what_is_linear_and_nothing_else() -> None:
    linear, curved = probes.ridge_r2(FIT, FIT_VALUES, JUDGE, JUDGE_VALUES)
    assert linear > 0.9999
    assert abs(curved) < 0.1


def test_neighbours_and_networks_read_what_is_curved_too() -> None:
    for name in ("knn", "mlp"):
        linear, curved = EVERY_REGRESSION[name](FIT, FIT_VALUES, JUDGE, JUDGE_VALUES)
        assert min(linear, curved) > 0.9, name


def test_knn_r2_by_hand_and_from_distances() -> None:
    distances = cdist(JUDGE, FIT)
    nearest = distances.argsort(axis=1)[:, :3]
    residual = FIT_VALUES[nearest].mean(axis=1) - JUDGE_VALUES
    expected = 1 - (residual**2).mean(axis=0) / JUDGE_VALUES.var(axis=0)
    found = probes.knn_r2(FIT, FIT_VALUES, JUDGE, JUDGE_VALUES, k=3)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    again = probes.knn_r2_from_distances(distances, FIT_VALUES, JUDGE_VALUES, k=3)
    np.testing.assert_allclose(again, expected, rtol=1e-10)


@pytest.mark.parametrize("name", sorted(EVERY_REGRESSION))
def test_nothing_is_explained_where_codes_and_quantities_are_unrelated(name: str) -> None:
    shuffled = np.random.default_rng(5).permutation(len(FIT))
    found = EVERY_REGRESSION[name](FIT, FIT_VALUES[shuffled], JUDGE, JUDGE_VALUES)
    assert (found < 0.1).all()


@pytest.mark.parametrize("name", sorted(EVERY_REGRESSION))
def test_units_of_the_quantities_do_not_matter(name: str) -> None:
    scaled = EVERY_REGRESSION[name](FIT, 1e3 * FIT_VALUES - 7, JUDGE, 1e3 * JUDGE_VALUES - 7)
    plain = EVERY_REGRESSION[name](FIT, FIT_VALUES, JUDGE, JUDGE_VALUES)
    np.testing.assert_allclose(scaled, plain, atol=1e-3)


def test_one_quantity_and_the_seed_of_the_network() -> None:
    one = [a[:, :1] for a in (FIT_VALUES, JUDGE_VALUES)]
    first, again, other = (
        probes.mlp_r2(FIT, one[0], JUDGE, one[1], seed=seed, epochs=3) for seed in (0, 0, 1)
    )
    assert first.shape == (1,)
    np.testing.assert_array_equal(first, again)
    assert first != other


@pytest.mark.parametrize("name", sorted(EVERY_REGRESSION))
def test_bad_quantities_are_refused(name: str) -> None:
    probe = EVERY_REGRESSION[name]
    with pytest.raises(ValueError, match="a row for each"):
        probe(FIT, FIT_VALUES[1:], JUDGE, JUDGE_VALUES)
    with pytest.raises(ValueError, match="columns"):
        probe(FIT, FIT_VALUES, JUDGE, JUDGE_VALUES[:, :1])
    with pytest.raises(ValueError, match="column 0 of train_targets is constant"):
        probe(FIT, np.ones_like(FIT_VALUES), JUDGE, JUDGE_VALUES)
    with pytest.raises(ValueError, match="finite"):
        probe(FIT, FIT_VALUES * np.nan, JUDGE, JUDGE_VALUES)
    with pytest.raises(ValueError, match="matrix"):
        probe(FIT, FIT_VALUES[:, 0], JUDGE, JUDGE_VALUES)


def test_bad_numbers_of_neighbours_widths_and_epochs_are_refused() -> None:
    for call in (
        lambda: probes.knn_r2(FIT, FIT_VALUES, JUDGE, JUDGE_VALUES, k=801),
        lambda: probes.knn_r2_from_distances(cdist(JUDGE, FIT), FIT_VALUES, JUDGE_VALUES, k=0),
        lambda: probes.mlp_r2(FIT, FIT_VALUES, JUDGE, JUDGE_VALUES, seed=0, width=0),
        lambda: probes.mlp_r2(FIT, FIT_VALUES, JUDGE, JUDGE_VALUES, seed=0, epochs=0),
    ):
        with pytest.raises(ValueError, match="is from 1 to"):
            call()
    with pytest.raises(ValueError, match="must not be negative"):
        probes.knn_r2_from_distances(-cdist(JUDGE, FIT), FIT_VALUES, JUDGE_VALUES)
