"""The graph autoencoder: it commutes with relabelling, and its likelihood is a likelihood."""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from utils.graphs import NO_ATOM, random_tie_ranks, tied_molecules
from utils.models.graph_vae import (
    GraphLogits,
    GraphVAE,
    GraphVAEConfig,
    exact_match,
    reconstruction_nats,
)
from utils.molecules import from_smiles

SMILES = ("C", "CCO", "C1CC1", "c1ccccc1", "CC(=O)N", "N#CC1CC1O", "CC1(C)CC1F", "OCC#CC(F)(F)F")
SMALL = {"encoder_width": 16, "encoder_depth": 2, "decoder_width": 32, "decoder_depth": 2}
CONFIGS = {
    "section": GraphVAEConfig(**SMALL),
    "attention, d = 1": GraphVAEConfig(decoder="attention", **SMALL),
    "attention, d = 3": GraphVAEConfig(latent_channels=3, decoder="attention", **SMALL),
    "layers": GraphVAEConfig(encoder="layers", decoder="layers", **SMALL),
    "layers, d = 2": GraphVAEConfig(latent_channels=2, encoder="layers", decoder="layers", **SMALL),
    "layers without waves": GraphVAEConfig(
        encoder="layers", decoder="layers", frequencies=0, **SMALL
    ),
}


def molecules() -> tuple[Tensor, Tensor]:
    graphs = [from_smiles(smiles) for smiles in SMILES]
    return torch.stack([g[0] for g in graphs]), torch.stack([g[1] for g in graphs])


def network(config: GraphVAEConfig, seed: int = 0) -> GraphVAE:
    """A network whose codes are spread out, as those of a trained one are."""
    torch.manual_seed(seed)
    model = GraphVAE(config).eval()
    with torch.no_grad():
        model.head.weight.mul_(3)
    return model


def relabelled(atoms: Tensor, bonds: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    return atoms[:, order], bonds[:, order][:, :, order]


def tensors(model: GraphVAE, atoms: Tensor, bonds: Tensor) -> dict[str, tuple[Tensor, int]]:
    """Everything the network computes, with the number of axes of slots."""
    mean, log_variance = model.encode(atoms, bonds)
    logits = model.decode(mean)
    adjacency, orders = logits.square()
    return {
        "mean": (mean, 1),
        "log_variance": (log_variance, 1),
        "existence": (logits.existence, 1),
        "elements": (logits.elements, 1),
        "adjacency": (adjacency, 2),
        "orders": (orders, 2),
    }


def errors(model: GraphVAE, seed: int) -> dict[str, float]:
    """Relative errors of the codes and of all logits for one random relabelling."""
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        before = tensors(model, *molecules())
        after = tensors(model, *relabelled(*molecules(), order))
    wrong: dict[str, list[Tensor]] = {"codes": [], "logits": []}
    right: dict[str, list[Tensor]] = {"codes": [], "logits": []}
    for name, (tensor, axes) in before.items():
        kind = "codes" if name in ("mean", "log_variance") else "logits"
        moved = tensor[:, order] if axes == 1 else tensor[:, order][:, :, order]
        wrong[kind].append((after[name][0] - moved).flatten())
        right[kind].append(moved.flatten())
    return {
        kind: float(torch.cat(wrong[kind]).norm() / torch.cat(right[kind]).norm()) for kind in wrong
    }


# ---------------------------------------------------------------- equivariance


@pytest.mark.parametrize("name", CONFIGS)
def test_everything_commutes_with_relabelling(name: str) -> None:
    for seed in range(5):
        assert max(errors(network(CONFIGS[name]), seed).values()) <= 1e-5
        assert max(errors(network(CONFIGS[name]).double(), seed).values()) <= 1e-12


def test_a_network_that_knows_its_slots_fails() -> None:
    """Negative control: the check above can fail, for the encoder and for the decoder."""

    class Numbered(nn.Module):
        def __init__(self, inner: nn.Module, width: int) -> None:
            super().__init__()
            self.inner = inner
            self.slots = nn.Parameter(0.01 * torch.randn(9, width))

        def forward(self, *inputs: Tensor) -> Tensor:
            return self.inner(*inputs) + self.slots

    model = network(CONFIGS["section"])
    model.encoder.blocks[0] = Numbered(model.encoder.blocks[0], 16)  # type: ignore[index, union-attr]
    assert errors(model, 0)["codes"] > 1e-4
    model = network(CONFIGS["attention, d = 1"])
    model.decoder.embed = Numbered(model.decoder.embed, 32)  # type: ignore[arg-type, union-attr]
    found = errors(model, 0)
    assert found["codes"] <= 1e-5 < 1e-4 < found["logits"]


def test_a_section_decoder_that_does_not_carry_back_fails() -> None:
    """Negative control: the places themselves are invariant, not equivariant."""
    model = network(CONFIGS["section"])
    codes = model.encode(*molecules())[0]
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    ordered = codes.sort(dim=1).values
    forgetful, moved = (
        model.decode(z.sort(dim=1).values).existence for z in (codes, codes[:, order])
    )
    assert torch.equal(forgetful, moved)
    assert not torch.allclose(forgetful[:, order], moved, atol=1e-3)
    assert not torch.allclose(codes, ordered)


def test_the_section_decoder_is_the_sorted_one_relabelled_where_codes_are_apart() -> None:
    model = network(CONFIGS["section"]).double()
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        ordered = torch.linspace(-9, 9, 9, dtype=torch.float64)  # 2.25 apart, 45 times the softness
        order = torch.randperm(9, generator=generator)
        places = model.decode(ordered.view(1, 9, 1))
        slots = model.decode(ordered[order].view(1, 9, 1))
        assert torch.allclose(slots.existence, places.existence[:, order], atol=1e-12)
        assert torch.allclose(slots.elements, places.elements[:, order], atol=1e-12)
        for here, there in zip(slots.square(), places.square(), strict=True):
            assert torch.allclose(here, there[:, order][:, :, order], atol=1e-12)


def test_the_section_decoder_is_continuous_where_two_codes_cross() -> None:
    """A hard sort would jump by the difference of two places; this one does not."""
    model = network(CONFIGS["section"]).double()
    base = torch.linspace(-1, 1, 9, dtype=torch.float64).repeat(3, 1)
    base[:, 3] = base[:, 4] + torch.tensor([-1e-7, 0.0, 1e-7], dtype=torch.float64)
    logits = model.decode(base.unsqueeze(-1))
    assert torch.allclose(logits.existence[1, 3], logits.existence[1, 4], atol=1e-12)
    for tensor in logits:
        assert (tensor[0] - tensor[2]).abs().max() < 1e-4
    hard = model.decoder(base[:1].unsqueeze(-1))[0][0]
    with torch.no_grad():
        model.decoder.log_softness.fill_(math.log(1e-12))  # type: ignore[union-attr]
    jump = model.decode(base.unsqueeze(-1))
    assert (jump.existence[0] - jump.existence[2]).abs().max() > 1e-3
    assert hard.shape == (9, 5)


def test_atoms_that_an_automorphism_exchanges_have_the_same_code() -> None:
    atoms, bonds = from_smiles("CC(C)C")
    mean, _ = network(CONFIGS["section"]).encode(atoms[None], bonds[None])
    ends = mean[0, [0, 2, 3], 0]
    assert (ends - ends[0]).abs().max() < 1e-5
    assert (mean[0, 1, 0] - ends[0]).abs() > 1e-3


# ---------------------------------------------------------------- ties

TIED = GraphVAEConfig(latent_channels=2, decoder="attention", tie_ranks=True, **SMALL)


@pytest.mark.parametrize("encoder", ["messages", "layers"])
def test_ranks_tell_the_atoms_of_a_ring_apart(encoder: Literal["messages", "layers"]) -> None:
    atoms, bonds = from_smiles("C1CCCCC1")
    ties = tied_molecules(atoms[None], bonds[None])
    ranks = random_tie_ranks(atoms[None], ties, generator=torch.Generator().manual_seed(0))
    model = network(dataclasses.replace(TIED, encoder=encoder))
    with torch.no_grad():
        same, _ = model.encode(atoms[None], bonds[None], torch.zeros_like(ranks))
        apart, _ = model.encode(atoms[None], bonds[None], ranks)
    assert (same[0, :6] - same[0, 0]).abs().max() < 1e-5
    assert torch.pdist(apart[0, :6]).min() > 1e-4


def test_a_network_with_ranks_commutes_with_relabelling_graph_and_ranks() -> None:
    atoms, bonds = molecules()
    ties = tied_molecules(atoms, bonds)
    ranks = random_tie_ranks(atoms, ties, generator=torch.Generator().manual_seed(0))
    assert bool(ranks.any())
    model = network(TIED)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        before, _ = model.encode(atoms, bonds, ranks)
        after, _ = model.encode(*relabelled(atoms, bonds, order), ranks[:, order])
        forgetful, _ = model.encode(*relabelled(atoms, bonds, order), ranks)
    size = before.norm()
    assert (after - before[:, order]).norm() <= 1e-5 * size
    assert (forgetful - before[:, order]).norm() > 1e-3 * size  # negative control


def test_missing_and_superfluous_ranks_are_refused() -> None:
    atoms, bonds = molecules()
    ranks = torch.zeros(atoms.shape, dtype=torch.int64)
    with pytest.raises(ValueError, match="pass ranks"):
        network(TIED).encode(atoms, bonds)
    with pytest.raises(ValueError, match="leave them out"):
        network(CONFIGS["section"]).encode(atoms, bonds, ranks)
    with pytest.raises(ValueError, match="ranks must have the shape of atoms"):
        network(TIED).encode(atoms, bonds, ranks[:, :5])


# ---------------------------------------------------------------- the likelihood


def probability(logits: GraphLogits, atoms: Tensor, bonds: Tensor) -> float:
    """The probability of a graph, one factor after another, from the definition."""
    product = 1.0
    for slot in range(9):
        exists = 1 / (1 + math.exp(-float(logits.existence[0, slot])))
        if atoms[slot] == NO_ATOM:
            product *= 1 - exists
        else:
            weights = [math.exp(float(x)) for x in logits.elements[0, slot]]
            product *= exists * weights[int(atoms[slot])] / sum(weights)
    for number, (i, j) in enumerate(itertools.combinations(range(9), 2)):
        if NO_ATOM in (int(atoms[i]), int(atoms[j])):
            continue
        bonded = 1 / (1 + math.exp(-float(logits.adjacency[0, number])))
        if bonds[i, j] == 0:
            product *= 1 - bonded
        else:
            weights = [math.exp(float(x)) for x in logits.orders[0, number]]
            product *= bonded * weights[int(bonds[i, j]) - 1] / sum(weights)
    return product


def random_logits(batch: int, seed: int = 0) -> GraphLogits:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch, 9), (batch, 9, 4), (batch, 36), (batch, 36, 3))
    return GraphLogits(*(torch.randn(shape, generator=generator) for shape in shapes))


def test_the_nats_are_those_of_the_factors() -> None:
    atoms, bonds = molecules()
    logits = random_logits(len(atoms))
    nats = reconstruction_nats(logits, atoms, bonds)
    for row in range(len(atoms)):
        one = GraphLogits(*(tensor[row : row + 1] for tensor in logits))
        expected = -math.log(probability(one, atoms[row], bonds[row]))
        assert float(nats[row]) == pytest.approx(expected, rel=1e-5)


def test_the_probabilities_of_all_graphs_add_up_to_one() -> None:
    """All graphs on slots 0, 1, 2, the rest being empty for certain."""
    existence = torch.full((1, 9), -60.0)
    existence[0, :3] = torch.tensor([0.3, -0.8, 1.1])
    logits = random_logits(1)._replace(existence=existence)
    graphs = []
    for types in itertools.product(range(5), repeat=3):
        present = [slot for slot in range(3) if types[slot] != NO_ATOM]
        pairs = list(itertools.combinations(present, 2))
        for orders in itertools.product(range(4), repeat=len(pairs)):
            atoms = torch.full((9,), NO_ATOM, dtype=torch.uint8)
            atoms[:3] = torch.tensor(types, dtype=torch.uint8)
            bonds = torch.zeros(9, 9, dtype=torch.uint8)
            for (i, j), order in zip(pairs, orders, strict=True):
                bonds[i, j] = bonds[j, i] = order
            graphs.append((atoms, bonds))
    atoms, bonds = (torch.stack(part) for part in zip(*graphs, strict=True))
    many = GraphLogits(*(t.expand(len(atoms), *t.shape[1:]) for t in logits))
    total = (-reconstruction_nats(many, atoms, bonds)).double().exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-5)


def test_the_most_likely_graph_is_a_graph_and_takes_the_largest_factors() -> None:
    logits = random_logits(50)
    atoms, bonds = logits.most_likely()
    assert torch.equal(bonds, bonds.mT)
    for row in range(50):
        for slot in range(9):
            best = int(logits.elements[row, slot].argmax())
            assert atoms[row, slot] == (best if logits.existence[row, slot] > 0 else NO_ATOM)
        for number, (i, j) in enumerate(itertools.combinations(range(9), 2)):
            both = atoms[row, i] != NO_ATOM and atoms[row, j] != NO_ATOM
            bonded = both and logits.adjacency[row, number] > 0
            best = int(logits.orders[row, number].argmax()) + 1
            assert bonds[row, i, j] == (best if bonded else 0)


def test_an_exact_match_forgives_nothing() -> None:
    logits = random_logits(20)
    atoms, bonds = logits.most_likely()
    assert bool(exact_match(logits, atoms, bonds).all())
    wrong = atoms.clone()
    wrong[:, 4] = (wrong[:, 4] + 1) % 5
    assert not bool(exact_match(logits, wrong, bonds).any())
    wrong = bonds.clone()
    wrong[:, 0, 1] = wrong[:, 1, 0] = (wrong[:, 0, 1] + 1) % 4
    assert not bool(exact_match(logits, atoms, wrong).any())


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("name", CONFIGS)
def test_shapes_gradients_and_noise(name: str) -> None:
    config = CONFIGS[name]
    model = network(config).train()
    atoms, bonds = molecules()
    d = config.latent_channels
    noise = torch.randn(len(atoms), 9, d, generator=torch.Generator().manual_seed(0))
    logits, mean, log_variance = model(atoms, bonds, noise)
    assert mean.shape == log_variance.shape == (len(atoms), 9, d)
    assert [t.shape[1:] for t in logits] == [(9,), (9, 4), (36,), (36, 3)]
    codes = mean + noise * (log_variance / 2).exp()
    for here, there in zip(logits, model.decode(codes), strict=True):
        assert torch.allclose(here, there, atol=1e-6)
    reconstruction_nats(logits, atoms, bonds).mean().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(parameter.grad.isfinite().all()), parameter_name
    matrices = model.hidden_matrices()
    assert len({id(m) for m in matrices}) == len(matrices) > 0
    assert all(m.ndim == 2 for m in matrices)
    assert {id(m) for m in matrices} < {id(p) for p in model.parameters()}


def test_the_log_variance_stays_in_its_range_and_keeps_its_gradient() -> None:
    model = network(CONFIGS["section"])
    with torch.no_grad():
        model.head.weight.mul_(100)
    _, log_variance = model.encode(*molecules())
    assert bool((log_variance >= -10.5).all())
    assert bool((log_variance <= -0.5).all())
    log_variance.sum().backward()
    assert model.head.bias.grad is not None
    assert bool((model.head.bias.grad[1:].abs() > 0).all())


def test_many_molecules_are_handled_in_pieces() -> None:
    model = network(CONFIGS["section"])
    atoms, bonds = molecules()
    many_atoms, many_bonds = atoms.repeat(150, 1), bonds.repeat(150, 1, 1)
    with torch.no_grad():
        mean, _ = model.encode(many_atoms, many_bonds)
        once, _ = model.encode(atoms, bonds)
        assert torch.allclose(mean, once.repeat(150, 1, 1), atol=1e-6)
        logits = model.decode(mean)
        assert torch.allclose(logits.adjacency[-8:], model.decode(once).adjacency, atol=1e-5)
        assert model.decode(mean[:0]).orders.shape == (0, 36, 3)


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"latent_channels": 0}, ValueError, "latent_channels is at least 1"),
        ({"encoder_width": 2.5}, TypeError, "encoder_width is an integer"),
        ({"decoder_depth": True}, TypeError, "decoder_depth is an integer"),
        ({"encoder": "graph"}, ValueError, "encoder is one of 'messages', 'layers'"),
        ({"decoder": "mlp"}, ValueError, "decoder is one of 'section'"),
        ({"latent_channels": 2}, ValueError, "choose the decoder 'attention' or 'layers'"),
        ({"lowest_frequency": 20.0}, ValueError, "must be positive and in order"),
        ({"decoder": "attention", "decoder_width": 30}, ValueError, "a multiple of 4"),
    ],
)
def test_a_configuration_out_of_range_is_refused(
    changes: dict, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        dataclasses.replace(GraphVAEConfig(), **changes)


def test_graphs_that_are_none_are_refused() -> None:
    model = network(CONFIGS["section"])
    atoms, bonds = molecules()
    with pytest.raises(TypeError, match="must hold integers"):
        model.encode(atoms.float(), bonds)
    with pytest.raises(ValueError, match="not symmetric"):
        model.encode(atoms, bonds.triu())
    with pytest.raises(ValueError, match="pad smaller molecules"):
        model.encode(atoms[:, :8], bonds[:, :8, :8])
    with pytest.raises(ValueError, match=r"atoms must have shape \(B, 9\)"):
        model.encode(atoms[0], bonds[0])
    with pytest.raises(ValueError, match=r"0\.\.4"):
        model.encode(atoms + 5, bonds)


def test_codes_that_are_none_are_refused() -> None:
    model = network(CONFIGS["section"])
    with pytest.raises(ValueError, match=r"codes must have shape \(B, 9, 1\), not \(2, 9\)"):
        model.decode(torch.zeros(2, 9))
    with pytest.raises(ValueError, match=r"not \(2, 8, 1\)"):
        model.decode(torch.zeros(2, 8, 1))
    with pytest.raises(TypeError, match="floating point"):
        model.decode(torch.zeros(2, 9, 1, dtype=torch.int64))


@pytest.mark.parametrize("name", CONFIGS)
def test_an_empty_batch_has_no_codes_and_no_graphs(name):
    model = network(CONFIGS[name])
    atoms, bonds = (part[:0] for part in molecules())
    mean, log_variance = model.encode(atoms, bonds)
    one, _ = model.encode(*(part[:1] for part in molecules()))
    assert mean.shape == log_variance.shape == (0, *one.shape[1:])
    assert mean.dtype == one.dtype
    logits, full = model.decode(mean), model.decode(one)
    assert [part.shape for part in logits] == [(0, *part.shape[1:]) for part in full]
    assert logits.most_likely()[1].shape == (0, 9, 9)
    assert model(atoms, bonds).mean.shape == mean.shape


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", CONFIGS)
def test_codes_that_are_not_finite_are_not_decoded(name, bad):
    model = network(CONFIGS[name])
    codes, _ = model.encode(*molecules())
    codes[3, 4, 0] = bad
    with pytest.raises(ValueError, match="The tensor of codes holds NaN or infinite"):
        model.decode(codes)
