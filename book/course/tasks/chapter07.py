"""Tasks of chapter 7: QM9 and its permutations."""

from __future__ import annotations

import functools
import inspect
import random
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from book.course.task import Answer, Task, require
from book.course.values import array, as_array, as_number, defined, whole, words

Array = NDArray[np.floating[Any]]


@functools.lru_cache(maxsize=256)
def graph(smiles: str) -> tuple[tuple[int, ...], Array]:
    """Return atomic numbers and bond orders of a molecule, in the order of the string."""
    molecule = Chem.MolFromSmiles(smiles)
    Chem.Kekulize(molecule)
    kinds = tuple(atom.GetAtomicNum() for atom in molecule.GetAtoms())
    return kinds, np.array(Chem.GetAdjacencyMatrix(molecule, useBO=True), float)


@functools.lru_cache(maxsize=256)
def automorphisms(smiles: str) -> int:
    """Count the renumberings of the atoms that change nothing."""
    kinds, bonds = graph(smiles)
    orders = (list(p) for p in permutations(range(len(kinds))))
    return sum(
        tuple(kinds[i] for i in p) == kinds and bool((bonds[p][:, p] == bonds).all())
        for p in orders
    )


SMALL = (
    *("CCO", "CN", "CF", "C#N", "CC=O", "OC=O", "CC#N", "NC=O", "COC=O"),
    *("COC", "CCC", "C#C", "C=C", "N#N", "OCCO", "C1CO1", "CCCC", "CC(C)O", "CC(C)=O"),
    *("CN(C)C", "C1CC1", "CC(C)C", "FC(F)F", "OC(O)O", "C1CCC1", "NC(N)=NC"),
    *("CC(C)(C)C", "FC(F)(F)F", "C1CCCC1"),
)


class Forms(Task):
    """Count relabellings by orbit and stabilizer."""

    label = "ex-qm9-forms"
    points = 2
    names = {
        "symmetries": "the numbers of symmetries of the three molecules themselves, a list",
        "forms": "the numbers of relabellings of the three molecules, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw three molecules with different numbers of symmetries, and the number of slots."""
        while True:
            three = chance.sample(SMALL, 3)
            if len({automorphisms(s) for s in three}) == 3:
                return {"three": three, "slots": chance.choice([7, 8, 10])}

    def prompt(self, three: list[str], slots: int) -> str:
        """Return the question."""
        shown = ", ".join(f"`{s}`" for s in three)
        return rf"""
        The molecules {shown}, written as SMILES, are stored as dense graphs of their heavy atoms on
        {slots} slots, with holes in the slots that are left. How many renumberings of its own atoms
        leave kinds and bonds of each molecule as they are (`symmetries`)? How many different dense
        graphs does a molecule become under $S_{{{slots}}}$ (`forms`)? Use the theorem on orbits and
        stabilizers, and give each list in the order of the molecules.
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        The empty slots of a dense graph may be exchanged as well: they belong to its stabilizer.
        Which molecules look the same from two ends?
        """

    def solution(self, three: list[str], slots: int) -> str:
        """Return the answer."""
        return f"""
        from itertools import permutations
        from math import factorial
        from utils import molecules

        symmetries, forms = [], []
        for smiles in {three}:
            atoms, bonds = molecules.from_smiles(smiles)
            n = int((atoms < 4).sum())
            moves = [list(p) for p in permutations(range(n))]
            same = [p for p in moves
                    if (atoms[p] == atoms[:n]).all() and (bonds[p][:, p] == bonds[:n, :n]).all()]
            symmetries.append(len(same))
            forms.append(factorial({slots}) // factorial({slots} - n) // len(same))
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        The stabilizer holds the symmetries of the molecule, each combined with any permutation of
        the holes.
        """

    def difficulty(self, three: list[str], slots: int) -> dict[str, Any]:
        """Return the slots, and the largest number of symmetries."""
        return {
            "slots": (slots, 7, 10),
            "symmetries": (max(automorphisms(s) for s in three), 3, 24),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Each list holds three positive numbers."""
        for name in ("symmetries", "forms"):
            require((array(answer, name, (3,)) > 0).all(), f"{name} must hold positive numbers.")

    def hidden_symmetries(self, answer: Answer, three: list[str], **_: Any) -> None:
        """The symmetries of the molecules are counted."""
        for found, smiles in zip(array(answer, "symmetries", (3,)), three, strict=True):
            says = f"{smiles}: which atoms can change places without changing a bond?"
            require(found == automorphisms(smiles), says)

    def hidden_forms(self, answer: Answer, three: list[str], slots: int) -> None:
        """The relabellings are counted."""
        for found, smiles in zip(array(answer, "forms", (3,)), three, strict=True):
            holes = slots - len(graph(smiles)[0])
            wanted = factorial(slots) // (factorial(holes) * automorphisms(smiles))
            says = f"{smiles}: the holes may be permuted, too, and nothing changes."
            require(found == wanted, says)


def benzene(first: str, second: str, place: int) -> str:
    """Return SMILES of a benzene ring with two groups, the second ``place`` steps on; 0: none."""
    ring = ["C1", "=C", "C", "=C", "C", "=C1"]
    if place:
        ring[place] = ring[place][:-1] + f"C({second})" if place < 5 else ring[place]
    return first + "".join(ring)


def same_form(kinds: Any, one: Any, two: Any) -> bool:
    """Say whether two tables of bonds of the same atoms lie in one orbit, by placing in turn."""
    one, two = np.asarray(one).tolist(), np.asarray(two).tolist()
    kinds = [int(k) for k in kinds]

    def extends(placed: list[int]) -> bool:
        i = len(placed)
        if i == len(kinds):
            return True
        return any(
            j not in placed
            and kinds[i] == kinds[j]
            and all(one[i][k] == two[j][placed[k]] for k in range(i))
            and extends([*placed, j])
            for j in range(len(kinds))
        )

    return extends([])


class Kekule(Task):
    """Decide which pairs of Kekulé forms are relabellings of each other."""

    label = "ex-qm9-kekule"
    points = 4
    names = {
        "same_orbit": "the letters of the molecules whose two forms lie in one orbit, a list",
        "invariant": "a function of atoms and bonds that tells the other pairs of forms apart",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw six benzene rings with one or two groups."""
        groups = ["C", "O", "N", "F"]
        kinds = {
            "none": [benzene(x, "", 0) for x in groups],
            "ortho": [benzene(x, y, 1) for x in groups for y in groups],
            "meta alike": [benzene(x, x, 2) for x in groups],
            "meta": [benzene(x, y, 2) for x in groups for y in groups if x != y],
            "para": [benzene(x, y, 3) for x in groups for y in groups],
        }
        chosen = [chance.choice(some) for some in kinds.values()]
        chosen.append(chance.choice([s for s in kinds["ortho"] if s not in chosen]))
        chance.shuffle(chosen)
        return {"chosen": chosen}

    def given(self, chosen: list[str]) -> str:
        """Return the two forms of each molecule."""
        return f"""
        import itertools
        from utils import molecules

        forms = {{}}
        for letter, smiles in zip("abcdef", {chosen}):
            atoms, first = molecules.from_smiles(smiles)
            second = first.clone()
            ring = ((first > 0).sum(dim=1) > 1).nonzero()[:, 0].tolist()
            for i, j in itertools.permutations(ring, 2):
                if first[i, j]:
                    second[i, j] = 3 - first[i, j]
            forms[letter] = (atoms.numpy(), first.numpy(), second.numpy())
        """

    def prompt(self, chosen: list[str]) -> str:
        """Return the question."""
        shown = ", ".join(f"({x}) `{s}`" for x, s in zip("abcdef", chosen, strict=True))
        return f"""
        In each of the molecules {shown} exchange single and double bonds of the ring. The given
        dictionary `forms` holds for each letter the atoms and the bonds of the two forms, arrays of
        shapes (9,), (9, 9) and (9, 9). For which letters do the two padded graphs lie in the same
        orbit under relabelling (`same_orbit`, a list)? Write a function `invariant(atoms, bonds)`
        that returns one number which no relabelling of the nine slots changes, and which differs
        between the two forms of every other letter.
        """

    def starter(self, **parameters: Any) -> str:
        """Return a function without a body."""
        return """
        same_orbit = ...

        def invariant(atoms, bonds):
            ...
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Atoms of the ring that have three neighbours keep them under a relabelling. Are two of these
        next to each other, and what is the bond between them?
        """

    def solution(self, chosen: list[str]) -> str:
        """Return the answer."""
        return """
        import numpy as np

        def invariant(atoms, bonds):
            code, weight = np.asarray(atoms, float) + 1, np.asarray(bonds, float) ** 1.5
            for _ in range(6):  # messages along bonds, as in a network with fixed weights
                code = np.cos(code + weight @ np.sin(1.7 * code + 0.3))
            return float(np.sum(code**2))

        same_orbit = [letter for letter, (atoms, first, second) in forms.items()
                      if abs(invariant(atoms, first) / invariant(atoms, second) - 1) < 1e-6]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        The forms lie in one orbit if a symmetry of the ring with its groups exchanges them: a
        reflection through two opposite atoms does, one through two opposite bonds does not. The
        order of the bond between neighbouring groups tells other pairs apart; for two different
        groups with one atom in between, so does the order of the bond from one of them to this
        atom.
        """

    def difficulty(self, chosen: list[str]) -> dict[str, Any]:
        """Return how many pairs of forms lie in one orbit."""
        return {"in one orbit": (len(self._same(chosen)), 3, 3)}

    def _forms(self, chosen: list[str]) -> dict[str, tuple[Array, Array, Array]]:
        """Return the given forms."""
        return dict(defined(inspect.cleandoc(self.given(chosen)))["forms"])

    def _same(self, chosen: list[str]) -> set[str]:
        """Return the letters whose forms are isomorphic graphs."""
        return {
            letter
            for letter, (kinds, one, two) in self._forms(chosen).items()
            if same_form(kinds, one, two)
        }

    def public_types(self, answer: Answer, chosen: list[str]) -> None:
        """The letters are from a to f, and the function returns a number."""
        words(answer, "same_orbit", list("abcdef"))
        atoms, bonds, _other = self._forms(chosen)["a"]
        as_number(answer.invariant(atoms, bonds), "invariant(atoms, bonds)")

    def hidden_letters(self, answer: Answer, chosen: list[str]) -> None:
        """The list holds the molecules whose forms lie in one orbit and no other."""
        found, right = words(answer, "same_orbit", list("abcdef")), self._same(chosen)
        says = "same_orbit: for one letter listed no symmetry of the ring exchanges the forms."
        require(found <= right, says)
        require(found == right, "same_orbit: more pairs of forms are relabellings of each other.")

    def hidden_invariant(self, answer: Answer, chosen: list[str]) -> None:
        """The function is invariant under relabelling and separates the other forms."""
        rng, same = np.random.default_rng(4), self._same(chosen)
        for letter, (atoms, first, second) in self._forms(chosen).items():
            values = []
            for bonds in (first, second):
                value = as_number(answer.invariant(atoms, bonds), "invariant(atoms, bonds)")
                for p in (rng.permutation(9) for _ in range(4)):
                    moved = answer.invariant(atoms[p], bonds[p][:, p])
                    gap = abs(as_number(moved, "invariant(atoms, bonds)") - value)
                    says = "invariant changes when the slots are relabelled."
                    require(gap <= 1e-6 * max(abs(value), 1), says)
                values.append(value)
            apart = abs(values[0] - values[1]) > 1e-5 * max(abs(values[0]), 1)
            says = f"invariant does not tell the two forms of ({letter}) apart."
            require(apart or letter in same, says)


def stable_colours(smiles: str) -> list[int]:
    """Return the stable colours of the atoms of a molecule."""
    kinds, bonds = graph(smiles)
    colours = list(kinds)
    for _ in kinds:
        seen = [
            (c, tuple(sorted((b, d) for b, d in zip(row, colours, strict=True) if b)))
            for c, row in zip(colours, bonds.tolist(), strict=True)
        ]
        names = {view: i for i, view in enumerate(sorted(set(seen)))}
        colours = [names[view] for view in seen]
    return colours


@functools.lru_cache(maxsize=256)
def ambiguous(smiles: str) -> bool:
    """Say whether two pairs of atoms have the same colours and different bonds."""
    colours, bonds = stable_colours(smiles), graph(smiles)[1]
    known: dict[tuple[int, int], float] = {}
    return any(
        known.setdefault((colours[i], colours[j]), bonds[i, j]) != bonds[i, j]
        for i, j in permutations(range(len(colours)), 2)
    )


MIXED = (
    *("CCO", "CC(C)C", "C1CC1", "CCC", "COC", "CN(C)C", "CC(C)(C)C", "C1CO1", "C1COC1", "CC(C)=O"),
    *("FC(F)F", "C1CCN1", "CC(=O)O", "CCCO", "OCC=O", "CC1CC1", "NCCO", "CC(O)C#N", "OCCF"),
    *("CCCCC", "C1CCCC1", "CCOCC", "C1CCOC1", "FC(F)C(F)F", "CC(C)C(C)C", "NCCN", "OCCCO"),
    *("C1CCCCC1", "C1COCCO1", "CC(C)CO", "CCNCC", "CCC(C)CC", "O=CCC=O", "C1CNCCN1", "FCCF"),
)


class Smallest(Task):
    """Find ambiguous molecules, with a reason for each."""

    label = "ex-qm9-smallest"
    points = 4
    names = {
        "ambiguous": "the letters of the ambiguous molecules, a list",
        "reasons": "a dictionary from each of these letters to two pairs of atoms",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw seven molecules, three or four of them ambiguous."""
        count = chance.choice([3, 4])
        chosen = chance.sample([s for s in MIXED if ambiguous(s)], count)
        chosen += chance.sample([s for s in MIXED if not ambiguous(s)], 7 - count)
        chance.shuffle(chosen)
        return {"chosen": chosen}

    def prompt(self, chosen: list[str]) -> str:
        """Return the question."""
        shown = ", ".join(f"({x}) `{s}`" for x, s in zip("abcdefg", chosen, strict=True))
        return rf"""
        Which of the molecules {shown} are ambiguous, so that colour refinement gives two pairs of
        atoms the same colours although their bonds differ (`ambiguous`, a list of letters)? Give
        for each of them two such pairs $(i, j)$ and $(k, l)$ of different atoms: $i$ and $k$ have
        one colour, $j$ and $l$ have one colour, and the bonds $A_{{ij}}$ and $A_{{kl}}$ differ.
        Heavy atoms are numbered from 0 in the order of the SMILES. Write the reasons as a
        dictionary like `{{"a": [[0, 1], [2, 3]]}}` (`reasons`).
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return """
        Refine the colours by hand first. Where are two atoms of one colour neighbours of each
        other, and two others of the same colours not?
        """

    def solution(self, chosen: list[str]) -> str:
        """Return the answer."""
        return f"""
        from itertools import permutations
        from utils import molecules
        from utils.graphs import weisfeiler_leman_colours

        reasons = {{}}
        for letter, smiles in zip("abcdefg", {chosen}):
            atoms, bonds = molecules.from_smiles(smiles)
            colours = weisfeiler_leman_colours(atoms[None], bonds[None])[0].tolist()
            seen = {{}}
            for i, j in permutations(range(int((atoms < 4).sum())), 2):
                k, m = seen.setdefault((colours[i], colours[j]), (i, j))
                if bonds[i, j] != bonds[k, m]:
                    reasons[letter] = [[i, j], [k, m]]
        ambiguous = list(reasons)
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        In a chain that looks the same from both ends, an end is bonded to one inner atom and not to
        its twin; in a ring, an atom is bonded to its neighbours and not to atoms across that have a
        neighbour's colour.
        """

    def difficulty(self, chosen: list[str]) -> dict[str, Any]:
        """Return how many are ambiguous, and the number of atoms of the largest."""
        return {
            "ambiguous": (sum(map(ambiguous, chosen)), 3, 4),
            "atoms": (max(len(graph(s)[0]) for s in chosen), 4, 6),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The letters are from a to g, and each has two pairs of atoms as a reason."""
        listed = words(answer, "ambiguous", list("abcdefg"))
        reasons = answer.reasons
        good = isinstance(reasons, dict) and set(reasons) == listed
        require(good, "reasons must be a dictionary with the letters of ambiguous.")
        for letter, pairs in reasons.items():
            as_array(pairs, f"The reason for ({letter})", (2, 2))

    def hidden_letters(self, answer: Answer, chosen: list[str]) -> None:
        """The list holds the ambiguous molecules and no other."""
        found = words(answer, "ambiguous", list("abcdefg"))
        right = {x for x, s in zip("abcdefg", chosen, strict=True) if ambiguous(s)}
        require(found <= right, "A molecule listed is not ambiguous: refine its colours by hand.")
        require(found == right, "There are more ambiguous molecules.")

    def hidden_reasons(self, answer: Answer, chosen: list[str]) -> None:
        """Each reason names two pairs of one colour with different bonds."""
        for letter, pairs in answer.reasons.items():
            smiles = chosen["abcdefg".index(letter)]
            colours, bonds = stable_colours(smiles), graph(smiles)[1]
            (i, j), (k, m) = as_array(pairs, f"The reason for ({letter})", (2, 2)).astype(int)
            inside = all(0 <= atom < len(colours) for atom in (i, j, k, m))
            require(inside and i != j and k != m, f"({letter}): a pair needs two atoms of its own.")
            same = colours[i] == colours[k] and colours[j] == colours[m]
            require(same, f"The two pairs for ({letter}) have different colours.")
            require(
                bonds[i, j] != bonds[k, m], f"The two pairs for ({letter}) have the same bonds."
            )


class Walks(Task):
    """Tell two graphs apart that no colour does, and say what the numbers mean."""

    label = "ex-qm9-cubane"
    points = 4
    names = {
        "colours": "the number of stable colours of the two graphs, refined together",
        "walks": "the numbers of closed walks of lengths 3 and 4, a pair for each graph",
        "triangles": "the numbers of triangles of the two graphs, a pair",
        "squares": "the numbers of cycles of four nodes of the two graphs, a pair",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two connected graphs in which every node has three neighbours."""
        n = chance.choice([8, 10])
        while True:
            one, two = self._cubic(chance, n), self._cubic(chance, n)
            counts = [(self._cycles(e, n, 3), self._cycles(e, n, 4)) for e in (one, two)]
            varied = counts[0][0] != counts[1][0] and counts[0][1] != counts[1][1]
            if varied and all(1 <= sum(c) <= 9 for c in counts):
                return {"n": n, "graphs": [one, two]}

    def _cubic(self, chance: random.Random, n: int) -> list[list[int]]:
        """Pair the ends of three half edges at each node until the graph is simple and whole."""
        while True:
            ends = [i for i in range(n) for _ in range(3)]
            chance.shuffle(ends)
            edges = {frozenset(pair) for pair in zip(ends[::2], ends[1::2], strict=True)}
            if len(edges) == 3 * n // 2 and all(len(e) == 2 for e in edges):
                listed = sorted(sorted(e) for e in edges)
                reached = {0}
                for _ in range(n):
                    reached |= {i for e in listed if reached & set(e) for i in e}
                if len(reached) == n:
                    return listed

    def _cycles(self, edges: list[list[int]], n: int, k: int) -> int:
        """Count cycles of a length by going through all tuples of nodes."""
        linked = {frozenset(e) for e in edges}
        rings = (p for p in permutations(range(n), k) if p[0] == min(p) and p[1] < p[-1])
        return sum(
            all(frozenset((p[i], p[(i + 1) % k])) in linked for i in range(k)) for p in rings
        )

    def given(self, n: int, graphs: list[list[list[int]]]) -> str:
        """Return the edges."""
        return f"""
        first = {graphs[0]}
        second = {graphs[1]}
        """

    def prompt(self, n: int, graphs: list[list[list[int]]]) -> str:
        """Return the question."""
        return rf"""
        The given lists `first` and `second` hold the edges of two graphs on the nodes
        $0, \dots, {n - 1}$, all of one kind. Refine the colours of both together, as one graph of
        {2 * n} nodes: how many stable colours are there (`colours`)? With $A$ the matrix of a
        graph, one for each edge, compute $\operatorname{{tr}} A^3$ and $\operatorname{{tr}} A^4$
        (`walks`, a pair for each graph). How many triangles (`triangles`) and how many cycles of
        four different nodes (`squares`) has each graph? A cycle counts once, wherever it starts and
        whichever way it is walked.
        """

    def solution(self, n: int, graphs: list[list[list[int]]]) -> str:
        """Return the answer."""
        return f"""
        import numpy as np

        walks = []
        for edges in (first, second):
            A = np.zeros(({n}, {n}), int)
            for i, j in edges:
                A[i, j] = A[j, i] = 1
            walks.append([int(np.trace(np.linalg.matrix_power(A, k))) for k in (3, 4)])
        colours = 1
        triangles = [w[0] // 6 for w in walks]
        squares = [(w[1] - {n} * 15) // 8 for w in walks]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return """
        Every node has three neighbours, so refinement never begins. A triangle gives six closed
        walks: three starts, two ways. A square gives eight; the other walks of length 4 turn back,
        fifteen from every node.
        """

    def difficulty(self, n: int, graphs: list[list[list[int]]]) -> dict[str, Any]:
        """Return the number of nodes, and the numbers of short cycles."""
        counts = [self._cycles(e, n, 3) for e in graphs]
        return {"nodes": (n, 8, 10), "triangles": (sum(counts), 1, 8)}

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """The number of colours is whole, and there are numbers for both graphs."""
        whole(answer, "colours")
        array(answer, "walks", (2, 2))
        array(answer, "triangles", (2,))
        array(answer, "squares", (2,))

    def hidden_colours(self, answer: Answer, **_: Any) -> None:
        """The stable colours are counted."""
        says = "colours: what does every node see in the first round?"
        require(whole(answer, "colours") == 1, says)

    def hidden_walks(self, answer: Answer, n: int, graphs: list[list[list[int]]]) -> None:
        """The closed walks are counted."""
        wanted = []
        for edges in graphs:
            matrix = np.zeros((n, n))
            for i, j in edges:
                matrix[i, j] = matrix[j, i] = 1
            values = np.linalg.eigvalsh(matrix)
            wanted.append([float(np.round((values**k).sum())) for k in (3, 4)])
        says = "walks: each edge stands in the matrix twice."
        require(array(answer, "walks", (2, 2)).tolist() == wanted, says)

    def hidden_cycles(self, answer: Answer, n: int, graphs: list[list[list[int]]]) -> None:
        """Triangles and squares are counted."""
        for name, k in (("triangles", 3), ("squares", 4)):
            wanted = [self._cycles(edges, n, k) for edges in graphs]
            says = f"{name}: in how many ways is one of them walked, and which walks turn back?"
            require(array(answer, name, (2,)).tolist() == wanted, says)
