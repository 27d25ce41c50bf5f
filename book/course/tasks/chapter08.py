"""Tasks of chapter 8: a permutation-equivariant graph VAE."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, number, whole

SYMMETRIC: tuple[str, ...] = (
    "CC(C)C",
    "CC(C)(C)O",
    "C1CCC1",
    "CN(C)C",
    "OC1CC1",
    "CC(=O)C",
    "NC1CCC1",
    "CCOCC",
)
SYMMETRIC += ("FC(F)(F)C", "C1CCOC1", "CC1(C)CO1", "NCCN", "OCC(O)CO", "CC(C)=O", "OC1CCCC1")
PLAIN = ("CCO", "CCCO", "CC(O)CN", "CCC=O", "OC1CCN1", "CC1CO1", "CCCCO", "CC(N)C=O", "CCOCCN")
ALIKE = ("C1CC1", "C1CCC1", "C1CCCC1", "C1CCCCC1", "CC", "C#C", "C12C3C1C23", "C12C3C4C1C5C2C3C45")
MIXED = ("CC(C)C", "CC(C)(C)C", "COC", "NCCN", "OCCO", "C1CO1", "CC(C)=O", "FC(F)(F)F", "CN(C)C")
PAIRED = ("CCCC", "C1CCOC1", "CCOCC", "OC1CCCC1", "C1COCCO1", "C1CC2CC1C2", "CC1CCCC1", "NC1CCC1")


def _graph(smiles: str) -> tuple[list[int], NDArray[np.int_]]:
    """Return the elements of the heavy atoms, and the orders of the bonds, shape (n, n)."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    orders = np.zeros((molecule.GetNumAtoms(),) * 2, dtype=int)
    for bond in molecule.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        orders[i, j] = orders[j, i] = int(bond.GetBondTypeAsDouble())
    return [atom.GetAtomicNum() for atom in molecule.GetAtoms()], orders


@cache
def symmetries(smiles: str) -> tuple[tuple[int, ...], ...]:
    """Return the renumberings of the heavy atoms that change neither elements nor bonds."""
    elements, orders = _graph(smiles)

    def longer(start: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        i = len(start)
        if i == len(elements):
            yield start
            return
        for j in set(range(len(elements))) - set(start):
            same = all(orders[i, k] == orders[j, start[k]] for k in range(i))
            if elements[i] == elements[j] and same:
                yield from longer((*start, j))

    return tuple(longer(()))


def _orbits(smiles: str) -> list[int]:
    """Return for each heavy atom the smallest one to which a symmetry moves it."""
    return [min(images) for images in zip(*symmetries(smiles), strict=True)]


def _pairs(smiles: str) -> dict[tuple[int, int], set[int]]:
    """Return the kinds of pairs that a decoder tells apart, with the orders of their bonds."""
    kind, (_, orders) = _orbits(smiles), _graph(smiles)
    found: dict[tuple[int, int], set[int]] = {}
    for i, j in zip(*np.triu_indices(len(kind), 1), strict=True):
        found.setdefault((min(kind[i], kind[j]), max(kind[i], kind[j])), set()).add(orders[i, j])
    return found


def _comes_back(smiles: str) -> bool:
    """Say whether all pairs of a kind have the same bond."""
    return all(len(orders) == 1 for orders in _pairs(smiles).values())


class Price(Task):
    """Count the tables of a molecule, and price its numbering."""

    label = "ex-08-price"
    points = 3
    names = {
        "tables": "the numbers of different tables of the three molecules, a list",
        "nats": "what the choice of a table costs, for each of the three, in nats",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw the number of slots, two molecules with symmetries and one without."""
        smiles = [*chance.sample(SYMMETRIC, 2), chance.choice(PLAIN)]
        chance.shuffle(smiles)
        return {"slots": chance.randint(9, 12), "smiles": smiles}

    def prompt(self, slots: int, smiles: list[str]) -> str:
        """Return the question."""
        a, b, c = (f"`{s}`" for s in smiles)
        return rf"""
        A table of a molecule has {slots} slots. Each heavy atom stands in a slot of its own, the
        other slots are empty, and the table holds the elements and the orders of all bonds.
        Hydrogens are left out, and so is everything about space. In how many *different* tables
        can each of these molecules be written: {a}, {b}, {c}? A model that treats all numberings
        alike spreads the probability of the molecule evenly over them. How many nats does it pay
        for saying which of them it was?
        """

    def solution(self, slots: int, smiles: list[str]) -> str:
        """Return the answer."""
        return f"""
        import math
        from rdkit import Chem

        def symmetries(molecule):
            return len(molecule.GetSubstructMatches(molecule, uniquify=False))

        tables = []
        for smiles in {smiles!r}:
            molecule = Chem.MolFromSmiles(smiles)
            empty = {slots} - molecule.GetNumAtoms()
            still = math.factorial(empty) * symmetries(molecule)
            tables.append(math.factorial({slots}) // still)
        nats = [math.log(t) for t in tables]
        """

    def remarks(self, slots: int, smiles: list[str]) -> str:
        """Return why."""
        return rf"""
        The orbit has ${slots}! / \lvert S \rvert$ members, where $S$ holds the permutations of
        the slots that change nothing: those of the $k$ empty slots, $k!$ of them, combined with
        the symmetries of the molecule.
        """

    def difficulty(self, slots: int, smiles: list[str]) -> dict[str, tuple[float, float, float]]:
        """Return how many molecules have symmetries, and how many atoms there are at most."""
        symmetric = sum(len(symmetries(s)) > 1 for s in smiles)
        return {
            "molecules with symmetries": (symmetric, 2, 2),
            "symmetries": (max(len(symmetries(s)) for s in smiles), 2, 12),
            "atoms": (max(len(_graph(s)[0]) for s in smiles), 4, 7),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three numbers of tables and three prices."""
        array(answer, "tables", (3,))
        array(answer, "nats", (3,))

    def hidden_tables(self, answer: Answer, slots: int, smiles: list[str]) -> None:
        """The numbers of tables are right."""
        for found, name in zip(array(answer, "tables", (3,)), smiles, strict=True):
            empty = slots - len(_graph(name)[0])
            true = math.perm(slots, slots - empty) / len(symmetries(name))
            says = f"For {name}: which permutations of the slots change nothing in a table?"
            require(abs(found - true) < 0.5, says)

    def hidden_nats(self, answer: Answer, slots: int, smiles: list[str]) -> None:
        """The prices are right to one part in a thousand."""
        for found, name in zip(array(answer, "nats", (3,)), smiles, strict=True):
            true = math.lgamma(slots + 1) - math.lgamma(slots - len(_graph(name)[0]) + 1)
            true -= math.log(len(symmetries(name)))
            says = f"For {name}: a choice among equally probable tables costs how many nats?"
            require(abs(found - true) < 1e-3 * true, says)


class Benzene(Task):
    """Say without a network what the codes of symmetric molecules can hold."""

    label = "ex-08-benzene"
    points = 3
    names = {
        "numbers": "how many different numbers each of the three codes has, a list",
        "kinds": "how many kinds of pairs of atoms the decoder tells apart, a list",
        "back": "whether each of the three molecules can come back, a list of True and False",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a molecule whose atoms are all alike, one of few kinds, and one of more kinds."""
        while True:
            smiles = [chance.choice(pool) for pool in (ALIKE, MIXED, PAIRED)]
            chance.shuffle(smiles)
            if 1 <= sum(map(_comes_back, smiles)) <= 2:
                return {"smiles": smiles}

    def prompt(self, smiles: list[str]) -> str:
        """Return the question."""
        a, b, c = (f"`{s}`" for s in smiles)
        return rf"""
        An equivariant encoder writes a molecule of at most nine heavy atoms as nine numbers, one
        for each slot, empty or not. Suppose that it gives different numbers to slots wherever a
        symmetry of the molecule does not force it to give the same. An equivariant decoder reads
        the numbers, and the logits of the bond between two atoms depend on their two numbers
        alone, in either order, and on the code as a whole.

        Answer for {a}, {b} and {c}, in this order, without running a network. How many different
        numbers has the code? How many kinds of pairs of two different *atoms* can the decoder
        tell apart? Is there a decoder of this kind whose most likely bonds are those of the
        molecule?
        """

    def solution(self, smiles: list[str]) -> str:
        """Return the answer."""
        return f"""
        from itertools import combinations
        from rdkit import Chem

        numbers, kinds, back = [], [], []
        for smiles in {smiles!r}:
            molecule = Chem.MolFromSmiles(smiles)
            alike = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
            numbers.append(len(set(alike)) + (len(alike) < 9))
            orders = dict()
            for i, j in combinations(range(len(alike)), 2):
                bond = molecule.GetBondBetweenAtoms(i, j)
                kind = tuple(sorted((alike[i], alike[j])))
                orders.setdefault(kind, set()).add(bond and bond.GetBondTypeAsDouble())
            kinds.append(len(orders))
            back.append(all(len(found) == 1 for found in orders.values()))
        """

    def remarks(self, smiles: list[str]) -> str:
        """Return why."""
        return r"""
        Atoms that a symmetry exchanges share a number, and the empty slots share one more. All
        pairs of one kind get the same logits, so a molecule comes back only if all pairs of a
        kind have the same bond.
        """

    def difficulty(self, smiles: list[str]) -> dict[str, tuple[float, float, float]]:
        """Return the kinds of atoms in all, and how many molecules can come back."""
        back = sum(map(_comes_back, smiles))
        return {
            "kinds of atoms": (sum(len(set(_orbits(s))) for s in smiles), 4, 9),
            "can come back": (back, 1, 2),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are three whole numbers of either sort, and three truth values."""
        array(answer, "numbers", (3,))
        array(answer, "kinds", (3,))
        _truths(answer)

    def hidden_numbers(self, answer: Answer, smiles: list[str]) -> None:
        """The codes have as many different numbers as said."""
        for found, name in zip(array(answer, "numbers", (3,)), smiles, strict=True):
            orbit = _orbits(name)
            says = f"For {name}: which atoms does a symmetry exchange, and which slots are empty?"
            require(found == len(set(orbit)) + (len(orbit) < 9), says)

    def hidden_kinds(self, answer: Answer, smiles: list[str]) -> None:
        """The decoder tells as many kinds of pairs apart as said."""
        for found, name in zip(array(answer, "kinds", (3,)), smiles, strict=True):
            says = f"For {name}: list the pairs of numbers that two different atoms can have."
            require(found == len(_pairs(name)), says)

    def hidden_back(self, answer: Answer, smiles: list[str]) -> None:
        """The molecules that can come back are the right ones."""
        true = list(map(_comes_back, smiles))
        says = "Compare the bonds of all pairs of one kind: all of them get the same logits."
        require(_truths(answer) == true, says)


def _truths(answer: Answer) -> list[bool]:
    """Return three truth values."""
    value = answer.back
    value = value.tolist() if hasattr(value, "tolist") else value
    good: bool = isinstance(value, (list, tuple)) and len(value) == 3
    good = good and all(isinstance(v, bool) for v in value)
    require(good, "back must hold True or False for each of the three.")
    return list(value)


class Softness(Task):
    """Follow soft carrying to both of its ends, and find where it lets go."""

    label = "ex-08-softness"
    points = 4
    names = {
        "hard": "what the four slots read as the softness tends to zero, shape (4, 2)",
        "soft": "what the four slots read as the softness grows, shape (4, 2)",
        "tau": "the largest softness at which each slot still reads its own place well enough",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a code with one tie, what stands on its places, and a weight."""
        low, gap, step = chance.randint(-9, 0), chance.randint(2, 7), chance.randint(2, 7)
        values = [low, low + gap, low + gap + step]
        z = [*values, chance.choice(values)]
        chance.shuffle(z)
        rows = [[chance.randint(-9, 9) for _ in range(2)] for _ in range(4)]
        while len({tuple(r) for r in rows}) < 4:
            rows = [[chance.randint(-9, 9) for _ in range(2)] for _ in range(4)]
        return {"tenths": z, "rows": rows, "percent": chance.choice([80, 90, 95, 98])}

    def prompt(self, tenths: list[int], rows: list[list[int]], percent: int) -> str:
        """Return the question."""
        code = ", ".join(f"{t / 10}" for t in tenths)
        table = "; ".join(f"({a}, {b})" for a, b in rows)
        return rf"""
        Four slots hold the code $z = ({code})$. On the four places, from the smallest number to
        the largest, stand the rows {table}. Slot $i$ reads the place $k$ with the weight
        $R(z)_{{ik}} = \operatorname{{softmax}}_k(-\lvert z_i - s(z)_k \rvert / \tau)$, where
        $s(z)$ is the sorted code.

        What do the slots read in the limits $\tau \to 0$ and $\tau \to \infty$? And what is the
        largest $\tau$ for which every slot reads its own number with a weight of at least
        {percent} %? The two tied slots share two places: there the two weights are added.
        """

    def given(self, tenths: list[int], rows: list[list[int]], percent: int) -> str:
        """Return the code and the rows as arrays."""
        return f"""
        import numpy as np

        z = np.array({[t / 10 for t in tenths]})
        rows = np.array({rows})  # row k stands on place k of the sorted code
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return r"""
        Which weight is the largest for a small $\tau$, and what do tied places share? What do all
        weights become as $\tau$ grows?
        """

    def solution(self, tenths: list[int], rows: list[list[int]], percent: int) -> str:
        """Return the answer."""
        return f"""
        from scipy.optimize import brentq

        near = np.isclose(z[:, None], np.sort(z))
        hard = near / near.sum(1, keepdims=True) @ rows
        soft = np.tile(rows.mean(0), (4, 1))

        def least(tau):
            R = np.exp(-abs(z[:, None] - np.sort(z)) / tau)
            return ((R * near).sum(1) / R.sum(1)).min()

        tau = brentq(lambda t: least(t) - {percent / 100}, 1e-3, 10)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        A tie stays a tie at every $\tau$: both slots read the mean of the two rows. Every weight
        of a slot's own number falls as $\tau$ grows, so there is exactly one largest $\tau$.
        """

    def difficulty(
        self, tenths: list[int], rows: list[list[int]], percent: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return the number of ties and the narrowest gap in tenths."""
        places = sorted(tenths)
        gaps = [b - a for a, b in pairwise(places)]
        return {"ties": (gaps.count(0), 1, 1), "gap": (min(g for g in gaps if g), 2, 7)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Both limits have a row of two numbers for each slot, and the softness is positive."""
        array(answer, "hard", (4, 2))
        array(answer, "soft", (4, 2))
        require(number(answer, "tau") > 0, "tau must be positive.")

    def hidden_hard(
        self, answer: Answer, tenths: list[int], rows: list[list[int]], **_: Any
    ) -> None:
        """The limit of no softness is right."""
        true = _read(tenths, 1e-4) @ np.array(rows)
        says = "Which place does a slot read when nothing is soft, and which two tied slots?"
        require(np.allclose(array(answer, "hard", (4, 2)), true, atol=1e-3), says)

    def hidden_soft(
        self, answer: Answer, tenths: list[int], rows: list[list[int]], **_: Any
    ) -> None:
        """The limit of great softness is right."""
        true = _read(tenths, 1e6) @ np.array(rows)
        says = "What are the weights when all differences are small beside the softness?"
        require(np.allclose(array(answer, "soft", (4, 2)), true, atol=1e-3), says)

    def hidden_tau(self, answer: Answer, tenths: list[int], percent: int, **_: Any) -> None:
        """The softness is the largest that is asked for, to one percent."""
        tau = number(answer, "tau")
        own = np.array(tenths)[:, None] == np.sort(tenths)
        least = [(_read(tenths, t) * own).sum(1).min() for t in (tau / 1.01, tau * 1.01)]
        says = "At your tau, compute the weight with which each slot reads its own number."
        require(least[1] < percent / 100 < least[0], says)


def _read(tenths: list[int], tau: float) -> NDArray[np.float64]:
    """Return the weights of soft carrying, shape (n, n)."""
    from scipy.special import softmax

    z = np.array(tenths) / 10
    return np.asarray(softmax(-np.abs(z[:, None] - np.sort(z)) / tau, axis=1))


class Weights(Task):
    """Count the numbers that equivariant layers hold."""

    label = "ex-08-weights"
    points = 2
    names = {
        "directed": "the numbers in the directed layer from pairs to pairs",
        "symmetric": "the numbers in the symmetric layer from pairs to pairs",
        "to_nodes": "the numbers in the directed layer from pairs to nodes",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw channels and a size of graphs."""
        a, b = chance.sample(range(11, 30), 2)
        return {"a": a, "b": b, "n": chance.randint(6, 12)}

    def prompt(self, a: int, b: int, n: int) -> str:
        """Return the question."""
        return rf"""
        Linear layers lead from {a} channels to {b} channels, on graphs of {n} nodes, and commute
        with all renumberings; a bias is a constant that is added and that renumbering must not
        change. How many numbers, biases included, does a layer from pairs to pairs hold in the
        directed form with fifteen operations, and in the symmetric form with nine? How many does
        the directed layer from pairs to nodes hold?
        """

    def solution(self, a: int, b: int, n: int) -> str:
        """Return the answer."""
        return f"""
        directed = 15 * {a} * {b} + 2 * {b}
        symmetric = 9 * {a} * {b} + 2 * {b}
        to_nodes = 5 * {a} * {b} + {b}
        """

    def remarks(self, a: int, b: int, n: int) -> str:
        """Return why."""
        return rf"""
        Each operation has a matrix of ${a} \times {b}$ numbers, whatever the size of the graph.
        A bias on pairs has one value on the diagonal and one elsewhere, a bias on nodes has one,
        for each of the {b} channels.
        """

    def difficulty(self, a: int, b: int, n: int) -> dict[str, tuple[float, float, float]]:
        """Return the size of one matrix."""
        return {"numbers in a matrix": (a * b, 132, 812)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The three numbers are whole."""
        for name in self.names:
            whole(answer, name)

    def hidden_counts(self, answer: Answer, a: int, b: int, n: int) -> None:
        """The layers of the library hold as many numbers."""
        from utils.models.permutation import EquivariantLinear, SymmetricEquivariantLinear

        layers = {
            "directed": EquivariantLinear(a, b, orders=(2, 2)),
            "symmetric": SymmetricEquivariantLinear(a, b, orders=(2, 2)),
            "to_nodes": EquivariantLinear(a, b, orders=(2, 1)),
        }
        for name, layer in layers.items():
            says = f"For {name}: how many operations are there, and on what may a bias depend?"
            require(whole(answer, name) == sum(p.numel() for p in layer.parameters()), says)


WIDTHS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)


class Noise(Task):
    """Judge a generator that copies its training set with noise."""

    label = "ex-08-noise"
    points = 6
    names = {
        "shares": "for each width the shares of whole, unique and novel samples, shape (6, 3)",
        "copies": "for each width the share of samples that are the molecule they began with",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw a seed and the rule by which a decoded graph is whole."""
        return {"seed": chance.randrange(10**6), "most": chance.randint(2, 4)}

    def prompt(self, seed: int, most: int) -> str:
        """Return the question."""
        return rf"""
        A toy decoder rounds each of the four numbers of a sorted code to the nearest whole
        number; the four whole numbers are the molecule, written as a tuple. It is *whole* if
        neighbouring numbers of the tuple differ by at most {most}. The given cell holds `codes`,
        the sorted codes of the 300 training molecules, all of which come back when they are
        decoded, and `noise`. For each $h$ in `widths`
        add $h$ times the noise to the codes, sort each code again, decode, and give three nested
        shares: the whole ones of all samples; the number of *different* whole ones over the
        number of whole ones; and of the different whole ones those that are not training
        molecules. Give also the share of all samples that decode to the very molecule whose code
        the noise was added to.
        """

    def given(self, seed: int, most: int) -> str:
        """Return the codes and the noise."""
        return f"""
        import numpy as np

        draw = np.random.default_rng({seed})
        steps = draw.integers(0, {most + 1}, size=(300, 4))
        codes = steps.cumsum(axis=1) + draw.uniform(-0.3, 0.3, size=(300, 1))
        noise = draw.normal(size=(300, 4))
        widths = {WIDTHS}
        """

    def solution(self, seed: int, most: int) -> str:
        """Return the answer."""
        return f"""
        def decode(codes):
            return [tuple(row) for row in np.rint(codes).astype(int)]

        known, shares, copies = decode(codes), [], []
        for h in widths:
            drawn = decode(np.sort(codes + h * noise, axis=1))
            whole = [m for m in drawn if max(np.diff(m)) <= {most}]
            kinds = set(whole)
            shares.append((len(whole) / 300, len(kinds) / len(whole),
                           len(kinds - set(known)) / len(kinds)))
            copies.append(sum(a == b for a, b in zip(drawn, known)) / 300)
        """

    def remarks(self, **_: Any) -> str:
        """Return why."""
        return r"""
        Without noise all samples are whole and none is new. Novelty is bought with whole samples.
        No number tells a new molecule from a mistake that happens to be whole. Compare generators
        at equal novelty only.
        """

    def difficulty(self, seed: int, most: int) -> dict[str, tuple[float, float, float]]:
        """Return the largest step between neighbours."""
        return {"most": (most, 2, 4)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """There are four shares for each width, between 0 and 1."""
        for values in (array(answer, "shares", (6, 3)), array(answer, "copies", (6,))):
            require(((values >= 0) & (values <= 1)).all(), "A share lies between 0 and 1.")

    def hidden_shares(self, answer: Answer, seed: int, most: int) -> None:
        """The shares are right to a thousandth."""
        found, true = array(answer, "shares", (6, 3)), _noise_shares(seed, most)[:, :3]
        for column, what in enumerate(("whole", "unique", "novel")):
            says = f"The {what} shares are not right. Of what is each a share?"
            require(np.allclose(found[:, column], true[:, column], atol=1e-3), says)

    def hidden_copies(self, answer: Answer, seed: int, most: int) -> None:
        """The shares of copies are right to a thousandth."""
        says = "Compare each sample with the molecule of its own training code."
        true = _noise_shares(seed, most)[:, 3]
        require(np.allclose(array(answer, "copies", (6,)), true, atol=1e-3), says)


@cache
def _noise_shares(seed: int, most: int) -> NDArray[np.float64]:
    """Count whole, unique and novel samples and copies one by one, shape (6, 4)."""
    draw = np.random.default_rng(seed)
    steps = draw.integers(0, most + 1, size=(300, 4))
    codes = steps.cumsum(axis=1) + draw.uniform(-0.3, 0.3, size=(300, 1))
    noise, table = draw.normal(size=(300, 4)), []
    origins = [tuple(math.floor(v + 0.5) for v in code) for code in codes]
    known = set(origins)
    for h in WIDTHS:
        kinds: dict[tuple[int, ...], bool] = {}
        whole_ones = copies = 0
        for code, shift, origin in zip(codes, noise, origins, strict=True):
            m = tuple(math.floor(v + 0.5) for v in sorted(code + h * shift))
            copies += m == origin
            if all(abs(b - a) <= most for a, b in pairwise(m)):
                whole_ones += 1
                kinds[m] = m not in known
        new = sum(kinds.values())
        table.append((whole_ones / 300, len(kinds) / whole_ones, new / len(kinds), copies / 300))
    return np.array(table)
