"""What a decoder makes of a code while one of its numbers moves: the grid, decoded and packed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.graphs import ATOM_SYMBOLS, NO_ATOM

#: From codes, shape (B, n), to atoms (B, n), bonds (B, n, n), valid (B,) and connected (B,).
Decode = Callable[[NDArray[np.float32]], tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]]

ORDERS = ("none", "single", "double", "triple")
#: What a slot can hold, by the number that stands for it.
HOLDS = (*ATOM_SYMBOLS, "empty")
LISTED = 3  # so many changes are named, and the others counted


@dataclass(frozen=True, eq=False)
class Decoded:
    """What was decoded from some codes.

    Attributes
    ----------
    atoms : numpy.ndarray
        Shape (B, n), uint8: what each slot holds.
    bonds : numpy.ndarray
        Shape (B, n (n - 1) / 2), uint8: the order of the bond of each pair, by rows.
    valid, connected : numpy.ndarray
        Shape (B,), bool: no valence is exceeded; there is one piece.
    """

    atoms: NDArray[np.uint8]
    bonds: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    connected: NDArray[np.bool_]

    def written(self, i: int) -> str:
        """Return one graph as digits: its atoms, its bonds, whether it is valid and connected."""
        flags = (self.valid[i], self.connected[i])
        return "".join(str(int(x)) for x in (*self.atoms[i], *self.bonds[i], *flags))


def decoded(decode: Decode, codes: NDArray[np.float32]) -> Decoded:
    """Decode codes, shape (B, n), and check what comes back."""
    count, slots = codes.shape
    atoms, bonds, valid, connected = (np.asarray(one) for one in decode(codes))
    wanted = ((count, slots), (count, slots, slots), (count,), (count,))
    found = tuple(one.shape for one in (atoms, bonds, valid, connected))
    if found != wanted:
        raise ValueError(
            f"From codes of shape {codes.shape} decode must make atoms, bonds and two verdicts of "
            f"shapes {wanted}, but made {found}."
        )
    most = (int(atoms.max()), int(bonds.max()))
    if most[0] > NO_ATOM or most[1] >= len(ORDERS) or atoms.min() < 0 or bonds.min() < 0:
        raise ValueError(
            f"decode must make atoms from 0 to {NO_ATOM} and bonds from 0 to {len(ORDERS) - 1}, "
            f"but made some up to {most[0]} and {most[1]}."
        )
    if (bonds != bonds.swapaxes(1, 2)).any():
        raise ValueError("decode made bonds that are not the same from both ends.")
    first, second = np.triu_indices(slots, 1)
    return Decoded(
        atoms.astype(np.uint8),
        bonds[:, first, second].astype(np.uint8),
        valid.astype(bool),
        connected.astype(bool),
    )


def grid(code: NDArray[np.float32], atom: int, steps: int, step: float) -> NDArray[np.float32]:
    """Return the values that a number takes: equal steps to both sides, and other atoms' numbers.

    Examples
    --------
    >>> grid(np.array([0.0, 0.3, 5.0], np.float32), 0, 2, 0.25).round(2).tolist()
    [-0.5, -0.25, 0.0, 0.25, 0.30000001192092896, 0.5]
    """
    own = code[atom]
    line = own + np.float32(step) * np.arange(-steps, steps + 1, dtype=np.float32)
    others = np.delete(code, atom)
    return np.unique(np.concatenate([line, others[(others > line[0]) & (others < line[-1])]]))


@dataclass(frozen=True, eq=False)
class Sweep:
    """One number of a code on its way.

    Attributes
    ----------
    values : numpy.ndarray
        Shape (T,), ascending.
    own : int
        At which of them the number is as it came.
    found : Decoded
        What is decoded at each.
    meets : list of tuple
        Where the number equals another's: the place in ``values``, the other slot, and whether
        both slots hold the same there and have the same bonds.
    """

    values: NDArray[np.float32]
    own: int
    found: Decoded
    meets: list[tuple[int, int, bool]]

    def differing(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which atoms (T, n) and bonds (T, pairs) are not those of the code as it came."""
        atoms, bonds = self.found.atoms, self.found.bonds
        return atoms != atoms[self.own], bonds != bonds[self.own]


def _alike(found: Decoded, t: int, i: int, j: int) -> bool:
    """Say whether two slots of a graph hold the same and have the same bonds to all others."""
    slots = found.atoms.shape[1]
    square = np.zeros((slots, slots), np.uint8)
    square[np.triu_indices(slots, 1)] = found.bonds[t]
    square += square.T
    others = [k for k in range(slots) if k not in (i, j)]
    same = (square[i, others] == square[j, others]).all()
    return bool(same and found.atoms[t, i] == found.atoms[t, j])


def sweeps(decode: Decode, code: NDArray[np.float32], steps: int, step: float) -> list[Sweep]:
    """Move each number of a code, the others held, and decode at every step."""
    lines = [grid(code, atom, steps, step) for atom in range(len(code))]
    codes = np.repeat(code[None], sum(map(len, lines)), axis=0)
    ends = np.cumsum([0, *map(len, lines)])
    for atom, line in enumerate(lines):
        codes[ends[atom] : ends[atom + 1], atom] = line
    every = decoded(decode, codes)
    made = []
    for atom, line in enumerate(lines):
        rows = slice(ends[atom], ends[atom + 1])
        found = Decoded(
            every.atoms[rows], every.bonds[rows], every.valid[rows], every.connected[rows]
        )
        meets = [
            (int(t), j, _alike(found, int(t), atom, j))
            for j in range(len(code))
            if j != atom
            for t in np.flatnonzero(line == code[j])
        ]
        own = int(np.flatnonzero(line == code[atom])[0])
        made.append(Sweep(line, own, found, meets))
    return made


def surprising(sweeps: Sequence[Sweep]) -> tuple[int, int]:
    """Return the smallest move that makes a sound molecule with another bond far from the atom.

    After it just one bond has changed, which is not the moved atom's; no valence is exceeded and
    all is in one piece. An atom and a place in its values; the first atom as it came, if there is
    no such move.
    """
    slots = len(sweeps)
    first, second = np.triu_indices(slots, 1)
    best = (np.inf, 0, sweeps[0].own)
    for atom, sweep in enumerate(sweeps):
        atoms, bonds = sweep.differing()
        elsewhere = bonds[:, (first != atom) & (second != atom)].any(axis=1)
        only = elsewhere & ~atoms.any(axis=1) & (bonds.sum(axis=1) == 1)
        for t in np.flatnonzero(only & sweep.found.valid & sweep.found.connected):
            best = min(best, (float(abs(sweep.values[t] - sweep.values[sweep.own])), atom, int(t)))
    return best[1], best[2]


def names(atoms: NDArray[np.uint8]) -> list[str]:
    """Name the slots by what they hold and their number.

    Examples
    --------
    >>> names(np.array([0, 2], np.uint8))
    ['C1', 'O2']
    """
    return [f"{HOLDS[kind]}{i + 1}" for i, kind in enumerate(atoms)]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def said(sweep: Sweep, atom: int, t: int, width: float) -> str:
    """Say what the script says of a state."""
    kinds, found = sweep.found.atoms[sweep.own], sweep.found
    called = names(kinds)
    value, own = float(sweep.values[t]), float(sweep.values[sweep.own])
    if t == sweep.own:
        head = f"{called[atom]}’s number {signed(value)}, as it came: the molecule"
    else:
        times = abs(value - own) / width
        moved = f"{signed(value - own, plus=True)} ({times:.1f} η)"
        head = f"{called[atom]}’s number {signed(value)}, moved by {moved}: "
        new_atoms, new_bonds = (one[t] for one in sweep.differing())
        changes = [f"{called[i]} → {HOLDS[found.atoms[t, i]]}" for i in np.flatnonzero(new_atoms)]
        changes += [
            f"{called[i]}–\u2060{called[j]} {ORDERS[found.bonds[sweep.own, k]]} → "
            f"{ORDERS[found.bonds[t, k]]}"
            for k, (i, j) in enumerate(zip(*np.triu_indices(len(kinds), 1), strict=True))
            if new_bonds[k]
        ]
        more = len(changes) - LISTED
        shown = ", ".join(changes[:LISTED]) + (f" and {more} more" if more > 0 else "")
        differ = (
            f"{_counted(int(new_bonds.sum()), 'bond')} and "
            f"{_counted(int(new_atoms.sum()), 'atom')} differ"
        )
        head += f"{shown}; {differ}" if changes else "still the molecule"
    valid = "valences respected" if found.valid[t] else "a valence exceeded"
    pieces = "in one piece" if found.connected[t] else "in pieces"
    tied = "".join(
        f" It equals {called[j]}’s number"
        + (": both get the same element and bonds." if alike else ".")
        for at, j, alike in sweep.meets
        if at == t
    )
    return f"{head}; {valid}, {pieces}.{tied}"


def signed(value: float, *, plus: bool = False) -> str:
    """Write a number as the script does: three places, a true minus, no minus before zero.

    Examples
    --------
    >>> signed(-0.25), signed(-0.0001), signed(0.5, plus=True)
    ('−0.250', '0.000', '+0.500')
    """
    text = f"{value:.3f}"
    text = text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")
    return f"+{text}" if plus and not text.startswith("−") else text


def packed(sweeps: Sequence[Sweep]) -> dict[str, Any]:
    """Return what the script needs of the sweeps of one code; equal graphs are kept once."""
    kept: dict[str, int] = {}
    lines = []
    for sweep in sweeps:
        at = [kept.setdefault(sweep.found.written(t), len(kept)) for t in range(len(sweep.values))]
        lines.append(
            {
                "values": [float(f"{value:.7g}") for value in sweep.values],
                "own": sweep.own,
                "at": at,
                "meets": sweep.meets,
            }
        )
    return {"graphs": "".join(kept), "lines": lines}
