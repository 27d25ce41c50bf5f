"""Whole numbers of NumPy are taken wherever Python's are, and give the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from rdkit import Chem

from utils import generators, graphs, groups, lie, molecules, probes, projections
from utils.data import mnist, qm9
from utils.data.splits import stratified_split
from utils.models import baselines, graph_vae, permutation, rotation_cnn, zoo
from utils.training import Recipe

Whole = Callable[[int], Any]
CODES = torch.linspace(-1, 1, 60, dtype=torch.float64).reshape(5, 12).sin()
FIBRES = CODES.reshape(5, 2, 6)
LABELS = torch.arange(60) % 3
POINTS = torch.linspace(0, 7, 120, dtype=torch.float64).reshape(60, 2).sin()
IMAGES = torch.linspace(0, 1, 4 * 784).reshape(4, 1, 28, 28)
DIGITS = mnist.load_small().take([0, 1, 2])
READER = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 3)).requires_grad_(False)
MOLECULES = [Chem.MolFromSmiles(s) for s in ("CCO", "CN")]
ATOMS, BONDS = molecules.from_smiles("CC(F)C=O")


def seeded(model: Callable[[], torch.nn.Module]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [p.detach() for p in model().parameters()]


def drawn(action: Any, count: Any) -> torch.Tensor:
    return action.random_elements(count, torch.Generator().manual_seed(0))


CASES: dict[str, Callable[[Whole], Any]] = {
    # groups
    "cyclic": lambda w: groups.cyclic(w(6)).table,
    "dihedral": lambda w: groups.dihedral(w(4)).table,
    "symmetric": lambda w: groups.symmetric(w(3)).table,
    "multiply": lambda w: groups.cyclic(6).multiply(w(2), w(5)),
    "inverse": lambda w: groups.cyclic(6).inverse(w(2)),
    "element_order": lambda w: groups.cyclic(6).element_order(w(2)),
    "subgroup": lambda w: groups.cyclic(6).subgroup(w(2)),
    "check_element": lambda w: groups.cyclic(6).check_element(w(2)),
    "trivial_representation": lambda w: (
        groups.trivial_representation(groups.cyclic(3), w(2)).matrices
    ),
    "copies of a representation": lambda w: (
        (w(2) * groups.regular_representation(groups.cyclic(3))).matrices
    ),
    "act of a representation": lambda w: groups.regular_representation(groups.cyclic(3)).act(
        w(1), torch.eye(3, dtype=torch.float64)
    ),
    "CyclicShifts": lambda w: groups.CyclicShifts(w(4)).act(w(1), CODES[:, :4]),
    "random_elements": lambda w: drawn(groups.CyclicShifts(4), w(3)),
    "PointPermutations": lambda w: drawn(groups.PointPermutations(w(4)), w(3)),
    # projections
    "bispectrum_triples": lambda w: projections.bispectrum_triples(w(5)),
    **{
        name: lambda w, name=name: getattr(projections, name)(w(2), w(6))(FIBRES)
        for name in (
            "amplitude_spectrum",
            "bispectrum",
            "canonicalise",
            "identity",
            "max_pool",
            "mean_pool",
            "norm_pool",
            "power_spectrum",
            "sort_per_copy",
        )
    },
    **{
        name: lambda w, name=name: getattr(projections, name)(w(2), w(6), w(8), seed=w(1))(FIBRES)
        for name in ("random_linear_mean", "random_max_filter", "random_reynolds")
    },
    "group_max_filter": lambda w: projections.group_max_filter(
        groups.CyclicShifts(6), (w(2), w(6)), w(8), seed=w(1)
    )(FIBRES),
    "cyclic_projections": lambda w: [
        p(FIBRES)
        for p in projections.cyclic_projections(w(2), w(6), outputs=w(8), seed=w(1)).values()
    ],
    "power_sums": lambda w: projections.power_sums(w(12))(CODES),
    "sort_projection": lambda w: projections.sort_projection(w(12))(CODES),
    "sorted_random_projections": lambda w: projections.sorted_random_projections(
        w(6), w(2), w(3), seed=w(1)
    )(CODES.reshape(5, 6, 2)),
    # generators and derivatives
    "RegularField": lambda w: generators.RegularField(w(4)).order,
    "Tokens": lambda w: generators.Tokens(w(3), w(4), w(1)).rows,
    "local_equivariance_error": lambda w: (
        lie.local_equivariance_error(
            READER, IMAGES, [generators.generator("rotation")], scores="logits", batch_size=w(2)
        ).images
    ),
    # graphs and molecules
    "random_permutations": lambda w: graphs.random_permutations(w(3), seed=w(1), slots=w(4)),
    "weisfeiler_leman_colours": lambda w: graphs.weisfeiler_leman_colours(
        ATOMS[None], BONDS[None], rounds=w(2)
    ),
    "morgan_fingerprints": lambda w: molecules.morgan_fingerprints(
        MOLECULES, radius=w(1), bits=w(64)
    ),
    # data
    "stratified_split": lambda w: stratified_split(LABELS, seed=w(1), held_out=w(6))["test"],
    "split_indices": lambda w: qm9.split_indices(w(1))["test"],
    "load_dense": lambda w: qm9.load_dense("test", split_seed=w(1), relabel_seed=w(2)).atoms,
    "QM9": lambda w: qm9.QM9(split="test", split_seed=w(1), relabel_seed=w(2)).y,
    "rotated": lambda w: mnist.rotated(DIGITS, seed=w(1), copies=w(2)).images,
    # networks
    "EquivariantLinear": lambda w: seeded(
        lambda: permutation.EquivariantLinear(w(2), w(3), nodes=w(5))
    ),
    "SymmetricEquivariantLinear": lambda w: seeded(
        lambda: permutation.SymmetricEquivariantLinear(w(2), w(3), nodes=w(5))
    ),
    "unordered_pairs": lambda w: permutation.unordered_pairs(w(4)),
    "square_of_pairs": lambda w: permutation.square_of_pairs(torch.ones(1, 6), w(4)),
    "GraphVAEConfig": lambda w: seeded(
        lambda: graph_vae.GraphVAE(
            graph_vae.GraphVAEConfig(encoder_width=w(16), decoder_width=w(16))
        )
    ),
    "PlainCNNConfig": lambda w: seeded(
        lambda: baselines.PlainCNN(
            baselines.PlainCNNConfig(widths=(w(4), w(4), w(4)), latent=w(8), hidden=w(8))
        )
    ),
    "ConvVAEConfig": lambda w: seeded(
        lambda: baselines.ConvVAE(baselines.ConvVAEConfig(latent=w(4), widths=(w(4), w(4))))
    ),
    "RotationCNNConfig": lambda w: rotation_cnn.RotationCNNConfig(
        group_order=w(4), widths=(w(4), w(4), w(4)), copies=w(2), hidden=w(8), classes=w(10)
    ),
    "MLPConfig": lambda w: seeded(lambda: zoo.MLP(zoo.MLPConfig(width=w(8), depth=w(2)))),
    # readouts
    "knn_r2": lambda w: probes.knn_r2(
        POINTS[:40], POINTS[:40, :1], POINTS[40:], POINTS[40:, :1], k=w(3)
    ),
    "knn_accuracy": lambda w: probes.knn_accuracy(
        POINTS[:40], LABELS[:40], POINTS[40:], LABELS[40:], k=w(3)
    ),
    "retrieval_accuracy": lambda w: probes.retrieval_accuracy(
        POINTS[40:], POINTS[:40], LABELS[:20], k=w(3)
    ),
    "stratified_subset": lambda w: probes.stratified_subset(LABELS, w(6), seed=w(1)),
    "few_label_accuracy": lambda w: probes.few_label_accuracy(
        POINTS[:40],
        LABELS[:40],
        POINTS[40:],
        LABELS[40:],
        count=w(6),
        k=w(1),
        repeats=w(2),
        seed=w(1),
    ),
    "nmi": lambda w: probes.nmi(POINTS, LABELS, clusters=w(3), seed=w(1)),
    "pca": lambda w: probes.pca(POINTS, w(1)),
    "Recipe": lambda w: Recipe(
        learning_rate=0.1, epochs=w(3), batch_size=w(8), milestones=(w(1), w(2))
    ),
}


def plain(value: Any) -> Any:
    """Whatever a call returns, as something that can be compared."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "__dataclass_fields__"):
        return [plain(getattr(value, name)) for name in value.__dataclass_fields__]
    return value


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
def test_whole_numbers_of_numpy_do_what_those_of_python_do(name, kind):
    assert plain(CASES[name](kind)) == plain(CASES[name](int))
