"""Tasks of chapter 3: equivariant maps."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from book.course.task import Answer, Task, require
from book.course.values import array, whole, words

Array = NDArray[np.floating[Any]]


def set_partitions(k: int, most: int) -> int:
    """Count the partitions of k things into at most ``most`` blocks."""
    counts = {1: 1} if k else {0: 1}
    for _ in range(k - 1):
        grown: dict[int, int] = {}
        for blocks, number in counts.items():
            grown[blocks] = grown.get(blocks, 0) + blocks * number
            grown[blocks + 1] = grown.get(blocks + 1, 0) + number
        counts = grown
    return sum(number for blocks, number in counts.items() if blocks <= most)


class Bias(Task):
    """Count and name the biases that an equivariant layer may have."""

    label = "ex-03-bias"
    points = 3
    names = {
        "many_nodes": "the number of independent biases with many nodes",
        "few_nodes": "the number of independent biases with few nodes",
        "copies": "the number of independent biases of the features on the group",
        "basis": "independent biases for two kinds of nodes, a list of n by n arrays",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw orders, numbers of nodes, channels and the two kinds of nodes."""
        k, few = chance.choice([(3, 2), (4, 2), (4, 3), (5, 2), (5, 3)])
        return {
            "high": chance.choice([3, 4, 5]),
            "k": k,
            "few": few,
            "c": chance.randint(3, 9),
            "m": chance.choice([3, 5, 7]),
            "e": chance.randint(2, 9),
            "kinds": chance.choice([[1, 2], [1, 3], [1, 4], [2, 2], [2, 3], [3, 2], [2, 1]]),
        }

    def prompt(self, high: int, k: int, few: int, c: int, m: int, e: int, kinds: list[int]) -> str:
        """Return the question."""
        a, b = kinds
        return rf"""
        How many independent biases does an equivariant layer have whose output is a tensor of order
        {high} on 20 nodes, under $S_{{20}}$ (`many_nodes`)? How many if it is of order {k} on {few}
        nodes, under $S_{few}$ (`few_nodes`)? How many if it consists of {c} copies of the regular
        representation of $C_{m}$ and {e} copies of an irreducible representation of $C_{m}$ that is
        not trivial (`copies`)? Finally let the output be a tensor of order 2 on {a + b}
        nodes, {a} of one kind, which come first, and {b} of another, under the group
        $S_{a} \times S_{b}$ that renumbers each kind among itself. Give as many independent
        biases as there are, each a {a + b} by {a + b} array (`basis`).
        """

    def solution(
        self, high: int, k: int, few: int, c: int, m: int, e: int, kinds: list[int]
    ) -> str:
        """Return the answer."""
        a, b = kinds
        return f"""
        import numpy as np

        many_nodes = {set_partitions(high, 20)}
        few_nodes = {set_partitions(k, few)}
        copies = {c}

        kind = np.array([0] * {a} + [1] * {b})
        basis = []
        for one in (0, 1):
            for two in (0, 1):
                block = np.outer(kind == one, kind == two).astype(float)
                parts = (np.eye({a + b}), 1 - np.eye({a + b})) if one == two else (1,)
                basis += [block * part for part in parts if (block * part).any()]
        """

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        A bias of order $k$ is constant on the patterns of equal indices, the partitions of $k$
        things; with $n$ nodes only those into at most $n$ blocks occur. The regular representation
        holds the trivial one once, and no other irreducible representation fixes a vector. With two
        kinds of nodes the patterns also say of which kind each index is.
        """

    def difficulty(self, high: int, k: int, few: int, kinds: list[int], **_: Any) -> dict[str, Any]:
        """Return the number of patterns of each part."""
        return {
            "patterns": (set_partitions(high, 20), 5, 52),
            "patterns left out": (set_partitions(k, k) - set_partitions(k, few), 1, 36),
            "biases for two kinds": (2 + 2 + sum(n > 1 for n in kinds), 5, 6),
        }

    def public_shapes(self, answer: Answer, kinds: list[int], **_: Any) -> None:
        """The three numbers are whole, and the biases are square arrays."""
        for name in ("many_nodes", "few_nodes", "copies"):
            whole(answer, name)
        array(answer, "basis", (None, sum(kinds), sum(kinds)))

    def hidden_tensors(self, answer: Answer, high: int, k: int, few: int, **_: Any) -> None:
        """The biases of tensors are counted."""
        for name, order, n in (("many_nodes", high, high), ("few_nodes", k, few)):
            tuples = np.stack(np.meshgrid(*[range(n)] * order), -1).reshape(-1, order)
            patterns = {tuple(t[i] == t[j] for i in range(order) for j in range(i)) for t in tuples}
            says = f"{name}: a bias is constant on each pattern of equal indices."
            require(whole(answer, name) == len(patterns), says)

    def hidden_copies(self, answer: Answer, c: int, **_: Any) -> None:
        """The biases of features on the group are counted."""
        says = "copies: which vectors of each representation stay where they are?"
        require(whole(answer, "copies") == c, says)

    def hidden_basis(self, answer: Answer, kinds: list[int], **_: Any) -> None:
        """The biases for two kinds of nodes are fixed, independent, and all there are."""
        a, n = kinds[0], sum(kinds)
        basis = array(answer, "basis", (None, n, n))
        for i in [i for i in range(n - 1) if i != a - 1]:
            p = list(range(n))
            p[i], p[i + 1] = i + 1, i
            says = "One array of basis changes when two nodes of one kind are exchanged."
            require(np.allclose(basis, basis[:, p][:, :, p]), says)
        rank = np.linalg.matrix_rank(basis.reshape(len(basis), -1))
        require(rank == len(basis), "The arrays of basis are not independent.")
        patterns = {(i == j, i < a, j < a) for i in range(n) for j in range(n)}
        require(len(basis) == len(patterns), "There are more independent biases.")


OPERATIONS: dict[str, Callable[[Array], Array]] = {
    "the matrix product $A A^{\\mathsf T} A$": lambda A: A @ A.T @ A,
    "the entrywise exponential": np.exp,
    "each column divided by the sum of the squares of its entries": lambda A: A / (A**2).sum(0),
    "the inverse of $2I + A A^{\\mathsf T}$": lambda A: np.linalg.inv(2 * np.eye(len(A)) + A @ A.T),
    "$A$ with zeros on its diagonal": lambda A: A - np.diag(np.diag(A)),
    "the largest entry of each row, written on the diagonal": lambda A: np.diag(A.max(1)),
    "each entry replaced by the number of smaller entries in its row": lambda A: np.array(
        [[float((row < a).sum()) for a in row] for row in A]
    ),
    "the outer product of row sums and column sums": lambda A: np.outer(A.sum(1), A.sum(0)),
    "the median of all entries, written everywhere": lambda A: np.full_like(A, np.median(A)),
    "row sums written along the columns, so that all rows agree": lambda A: np.tile(
        A.sum(1), (len(A), 1)
    ),
    "each row sorted": lambda A: np.sort(A, axis=1),
    "the cumulative sum down the columns": lambda A: A.cumsum(0),
    "$A$ with zeros below its diagonal": np.triu,
    "the first row, written into all rows": lambda A: np.tile(A[0], (len(A), 1)),
    "the order of the columns reversed": lambda A: A[:, ::-1],
    "the eigenvalues of $A A^{\\mathsf T}$ by size, on the diagonal": lambda A: np.diag(
        np.linalg.eigvalsh(A @ A.T)
    ),
    "each entry replaced by the mean of itself and its right neighbour, cyclically": lambda A: (
        (A + np.roll(A, -1, axis=1)) / 2
    ),
    "the place of the largest entry of each row, written along the row": lambda A: np.tile(
        A.argmax(1)[:, None].astype(float), (1, len(A))
    ),
}


@functools.lru_cache(maxsize=64)
def commutes(name: str) -> bool:
    """Say whether an operation commutes with all renumberings of a random matrix."""
    f, A = OPERATIONS[name], np.random.default_rng(7).normal(size=(4, 4))
    moves = [np.eye(4)[list(p)] for p in permutations(range(4))]
    return all(np.allclose(f(P @ A @ P.T), P @ f(A) @ P.T) for P in moves)


class Which(Task):
    """Decide which operations on matrices commute with renumbering."""

    label = "ex-03-which"
    points = 2
    names = {"commute": "the letters of the operations that commute, a list"}

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw eight operations, three to five of which commute."""
        right = chance.choice([3, 4, 5])
        good = [name for name in OPERATIONS if commutes(name)]
        bad = [name for name in OPERATIONS if not commutes(name)]
        chosen = chance.sample(good, right) + chance.sample(bad, 8 - right)
        chance.shuffle(chosen)
        return {"chosen": chosen}

    def prompt(self, chosen: list[str]) -> str:
        """Return the question."""
        listed = "; ".join(f"({x}) {name}" for x, name in zip("abcdefgh", chosen, strict=True))
        return rf"""
        Let the square matrix $A$ be a tensor of order 2: rows and columns are numbered by nodes.
        Which of these operations commute with renumbering the nodes? {listed}. Decide before you
        compute, and give the letters of those that do as a list like `["a", "b"]` (`commute`).
        """

    def hint(self, **_: Any) -> str:
        """Return a hint for these numbers."""
        return r"""
        Renumbering replaces $A$ by $P A P^{\mathsf T}$. Where does each operation use the *place*
        of an entry? Try a random matrix and a random permutation on what you are not sure of.
        """

    def solution(self, chosen: list[str]) -> str:
        """Return the answer."""
        letters = [x for x, name in zip("abcdefgh", chosen, strict=True) if commutes(name)]
        return f"commute = {letters}"

    def remarks(self, **parameters: Any) -> str:
        """Return why."""
        return r"""
        Renumbering replaces $A$ by $P A P^{\mathsf T}$. What is written with products, sums over
        indices and entrywise functions moves along. What uses the place of an entry does not:
        first, next, below, sorted, the number of a column.
        """

    def difficulty(self, chosen: list[str]) -> dict[str, Any]:
        """Return how many of the operations commute."""
        return {"commute": (sum(map(commutes, chosen)), 3, 5)}

    def public_letters(self, answer: Answer, **_: Any) -> None:
        """The answer is a list of letters from a to h."""
        words(answer, "commute", list("abcdefgh"))

    def hidden_letters(self, answer: Answer, chosen: list[str]) -> None:
        """The list holds the operations that commute and no other."""
        given = words(answer, "commute", list("abcdefgh"))
        right = {x for x, name in zip("abcdefgh", chosen, strict=True) if commutes(name)}
        wrong = given - right
        says = "One operation listed uses the place of an entry: renumber two nodes by hand."
        require(not wrong, says)
        require(given == right, "There are more operations that commute.")


SPACES = {
    "vectors": "vectors, $x_i$",
    "matrices": "matrices, $A_{ij}$",
    "symmetric": "symmetric matrices",
    "hollow": "symmetric matrices with zeros on the diagonal",
    "antisymmetric": "antisymmetric matrices",
    "cubes": "tensors $T_{ijk}$ of order 3 that no reordering of the three indices changes",
}


@functools.lru_cache(maxsize=256)
def equivariant_maps(source: str, target: str, n: int) -> int:
    """Count independent equivariant maps by the characters of the two spaces."""
    total = 0.0
    for p in permutations(range(n)):
        twice = [p[i] for i in p]
        f1, f2, f3 = (sum(q[i] == i for i in range(n)) for q in (p, twice, [twice[i] for i in p]))
        value = {
            "vectors": f1,
            "matrices": f1**2,
            "symmetric": (f1**2 + f2) / 2,
            "hollow": (f1**2 + f2) / 2 - f1,
            "antisymmetric": (f1**2 - f2) / 2,
            "cubes": (f1**3 + 3 * f1 * f2 + 2 * f3) / 6,
        }
        total += value[source] * value[target]
    return round(total / len(list(permutations(range(n)))))


class Symmetric(Task):
    """Count equivariant linear maps between spaces of tensors with symmetries."""

    label = "ex-03-symmetric"
    points = 4
    names = {
        "first": "the numbers of maps of the first kind for n = 2, 3, 4, 5, a list",
        "second": "the numbers of maps of the second kind for n = 2, 3, 4, 5, a list",
    }

    def draw(self, chance: random.Random) -> dict[str, Any]:
        """Draw two pairs of spaces, one of them with a sign or a third index."""
        plain = ["vectors", "matrices", "symmetric", "hollow"]
        first = [chance.choice(plain), chance.choice(["hollow", "symmetric", "matrices"])]
        while first == ["symmetric", "symmetric"] or first == ["matrices", "matrices"]:
            first = [chance.choice(plain), chance.choice(["hollow", "symmetric", "matrices"])]
        other = ["matrices", "symmetric", "hollow", "antisymmetric", "cubes"]
        second = [chance.choice(other), chance.choice(["antisymmetric", "cubes"])]
        if second[0] == "symmetric" and second[1] == "antisymmetric":
            second[0] = "matrices"
        return {"first": first, "second": second}

    def prompt(self, first: list[str], second: list[str]) -> str:
        """Return the question."""
        return rf"""
        Renumbering $n$ nodes by $S_n$ moves all indices of a tensor together. How many independent
        equivariant linear maps are there from {SPACES[first[0]]}, to {SPACES[first[1]]} (`first`),
        and how many from {SPACES[second[0]]}, to {SPACES[second[1]]} (`second`)? Give the number
        for each of $n = 2, 3, 4, 5$, as a list of four. The numbers for large $n$ can be counted as
        orbits of pairs by hand, those for small $n$ as null spaces; where a reordering of indices
        changes a sign, an orbit counts only if no member of the group turns it into its negative.
        """

    def solution(self, first: list[str], second: list[str]) -> str:
        """Return the answer."""
        return f"""
        from itertools import permutations, product

        def orbit(space, i):
            if space in ("vectors", "matrices"):
                return {{i: 1}}
            if space == "antisymmetric":
                return {{i: 1, i[::-1]: -1}}
            return {{j: 1 for j in permutations(i)}}

        def basis(space, n):
            order = {{"vectors": 1, "cubes": 3}}.get(space, 2)
            found = []
            for i in product(range(n), repeat=order):
                kept = i == tuple(sorted(i)) or space in ("vectors", "matrices")
                loop = len(set(i)) < order and space in ("hollow", "antisymmetric")
                if kept and not loop:
                    found.append(orbit(space, i))
            return found

        def trace(space, n, p):
            members = basis(space, n)
            return sum(m.get(tuple(p[i] for i in next(iter(m))), 0) for m in members)

        def count(source, target, n):
            moves = list(permutations(range(n)))
            both = [trace(source, n, p) * trace(target, n, p) for p in moves]
            return round(sum(both) / len(moves))

        first = [count{(*first, "n")} for n in (2, 3, 4, 5)]
        second = [count{(*second, "n")} for n in (2, 3, 4, 5)]
        """.replace("'n'", "n")

    def difficulty(self, first: list[str], second: list[str]) -> dict[str, Any]:
        """Return the numbers of maps for many nodes."""
        return {
            "first": (equivariant_maps(*first, 5), 2, 12),
            "second": (equivariant_maps(*second, 5), 1, 40),
        }

    def public_shapes(self, answer: Answer, **_: Any) -> None:
        """Each list holds four numbers."""
        for name in ("first", "second"):
            require((array(answer, name, (4,)) >= 0).all(), f"{name} must hold numbers of maps.")

    def hidden_first(self, answer: Answer, first: list[str], **_: Any) -> None:
        """The maps of the first kind are counted for all four numbers of nodes."""
        self._compare("first", answer, first)

    def hidden_second(self, answer: Answer, second: list[str], **_: Any) -> None:
        """The maps of the second kind are counted for all four numbers of nodes."""
        self._compare("second", answer, second)

    def _compare(self, name: str, answer: Answer, pair: list[str]) -> None:
        """Compare a list with the characters, many nodes first."""
        found = array(answer, name, (4,))
        wanted = [equivariant_maps(*pair, n) for n in range(2, 6)]
        says = f"{name}: for five nodes, in how many ways can the two lie to each other?"
        require(found[3] == wanted[3], says)
        says = f"{name}: with few nodes some of these ways do not occur, or coincide."
        require((found == wanted).all(), says)
