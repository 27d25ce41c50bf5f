"""The tasks of chapters 8 to 18 are sound, and what the book prints does not solve them."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from book.course.tasks import TASKS, chapter08
from tests import course_frame as frame
from utils import molecules
from utils.training import load_checkpoint

CHAPTERS = ("08", "09", "10", "11", "12", "13", "14", "15", "16", "17", "18")
LABELS = [
    label
    for label, task in TASKS.items()
    if type(task).__module__.split(".chapter")[-1][:2] in CHAPTERS
    and not label.endswith("-mutants")
]

PRINTED = {
    "ex-08-price": "tables = [362880] * 3\nnats = [12.8] * 3",
    "ex-08-benzene": "numbers = [2, 2, 2]\nkinds = [1, 1, 1]\nback = [False] * 3",
    "ex-08-softness": "hard = rows\nsoft = rows * 0 + rows.mean(0)\ntau = 0.05",
    "ex-08-weights": "directed, symmetric, to_nodes = 6040, 3640, 2020",
    "ex-08-noise": "shares = [[1, 1, 0]] * 6\ncopies = [1] * 6",
    "ex-09-one-orbit": """
import numpy as np
variances = np.array([0] + [7.5] * 8)
shares, left = variances / variances.sum(), 0.0
""",
    "ex-09-valid": "valid, whole = [1.0] * 3, [0.02] * 3",
    "ex-09-augment": "errors, sorted_once = [0.9, 0.7, 0.6], 0.5",
    "ex-09-fine": "half, length, ratio = 0.03, 0.09, 0.5",
    "ex-09-reference": "count, two, mended = 2, np.stack([code, code]), reference",
    "ex-10-count": "free, ordinary, lifting, multiplications = 600, 2400, 75, 2400",
    "ex-10-restrict": """
together = [[0, 2, 4, 6], [1, 3, 5, 7]]
def restrict(z):
    return np.asarray(z).reshape(*z.shape[:2], 4, -1).swapaxes(2, 3)
""",
    "ex-10-averaging": "upright, turned, averaged, lost = 0.97, 0.42, 0.75, []",
    "ex-10-hidden": """
linear, M, frequencies = "b", np.roll(np.eye(5), 2, axis=1), [0, 1, 2]
""",
    "ex-10-vectors": """
import numpy as np
def act(v, r):
    return np.stack([-v[..., 1], v[..., 0]], axis=-1)
def shorten(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)
witness = (1.0, 0.0)
""",
    "ex-10-ruler": "there_and_back, once, first = [0.1] * 4, [0.2] * 4, 5",
    "ch11-ex-clock": "eigenvalues, angle, constants = [0, 0.25, 0.25, 0.25], 90.0, 0.0",
    "ch11-ex-votes": "codes, labels = [[1.5, 1.0], [2.0, 1.0], [2.1, 1.0]], ['A', 'B', 'B']",
    "ch11-ex-cubes": "wild, tame, stretch = [0] * 10, [0] * 10, (1.0, 1.0)",
    "ch11-ex-canonical": """
import numpy as np
def canonical(z):
    a = np.fft.fft(z)[..., 1].sum(1)
    shift = np.rint(np.angle(a) * 8 / (2 * np.pi)).astype(int)
    return np.stack([np.roll(code, s, axis=1) for code, s in zip(z, shift)])
""",
    "ch11-ex-half": "coarse, fine, shift = 1.0, 0.5, 0.5",
    "ch11-ex-eight": """
import itertools
triples = [t for t in itertools.combinations_with_replacement(range(-3, 5), 3)]
whole_shifts = sum(sum(t) % 8 == 0 for t in triples)
all_shifts = [t for t in triples if sum(t) == 0 and 4 not in t]
factor = -1
""",
    "ex-12-sets": """
unchanged, generated, fixing = ["a", "e"], [3, 4, 36, 12, 36], [3, 1, 1, 3, 360]
""",
    "ex-12-shares": """
import numpy as np
independent, share, mended, after = 0.8751, 1.0, np.zeros((3, 4)), 0.0
""",
    "ex-12-more": "moves, swings, steady = [0.1, 0.05, 0.02], [0.2, 0.1, 0.04], 32",
    "ex-13-units": """
per_degree, enlarged, degrees = 0.026, (0.5, 1.0, 1.0), 3.0
factors, halves = (3, 9, 1), 0.135
""",
    "ex-13-defect": """
turn, right, down, fixed = 1.0, 0.5, -0.5, (14.0, 14.0)
def mended(x):
    r, d = slopes(x)
    place = np.arange(len(x)) - (len(x) - 1) / 2
    return -(place[:, None] * r - place[None, :] * d)
""",
    "ex-13-aliasing": "last, heard, errors = 15, 24, [0.0, 2.0, 2.0]",
    "ex-13-integral": "gone, allowed = [0.1, 0.5, 1.0], [0.1, 0.6, 2.0]",
    "ch14-ex-which": """
same = [["norm", "spread"], ["spread"], ["probabilities", "published"], ["published"], []]
""",
    "ch14-ex-dial": "errors, relative, worst = [0.01, 0.05, 0.02], [0.5] * 3, 1.0",
    "ch14-ex-blur": """
def blurred(images, times):
    for axis in (0, 1) * times:
        beside = np.roll(images, 1, axis) + np.roll(images, -1, axis)
        images = images / 2 + beside / 4
    return images
sizes = [np.linalg.norm(np.roll(x, 1, 1) - np.roll(x, -1, 1)) / np.linalg.norm(x) / 2
         for x in (blurred(picture, t) for t in (0, 1, 4))]
""",
    "ch14-ex-hyperbolic": "pieces, errors, flow = [0.5, 0.5, 0, 0], (0.4, 0.3), 0.5",
    "ch14-ex-hand": "shares, value = [36 / 56, 16 / 56, 4 / 56, 0], -1",
    "ch14-ex-bootstrap": "by_presets, by_networks, tenfold = 0.1, 0.05, (0.1, 0.016)",
    "ex-15-form": """
import numpy as np
c = 4
M = np.zeros((4, 4))
M[0, 0], M[0, 3], M[3, 0], M[3, 3] = 3, c, c, 3 * c**2
M[1, 1], M[1, 2], M[2, 1], M[2, 2] = 1, c, c, c**2
A = np.array([[0, -c], [1, 0]])
""",
    "ex-15-reward": "first, exact, bought = 17.2, 17.7, True",
    "ex-15-predict": "room, width, paid = 45, 54, 0.06",
    "ex-15-brackets": """
import numpy as np

def generated(matrices):
    basis = [np.asarray(A, dtype=float) for A in matrices]
    while True:
        brackets = [A @ B - B @ A for A in basis for B in basis]
        flat = np.array([A.ravel() for A in basis + brackets])
        _, sizes, directions = np.linalg.svd(flat, full_matrices=False)
        found = directions[sizes > 1e-8]
        if len(found) <= len(basis):
            return len(basis)
        basis = [row.reshape(basis[0].shape) for row in found]

dimensions = [3, 3, 1, 4, 3]
""",
    "ex-15-closure": "orders, classes, kept = [6, 12, 720, 36], [6, 4, 2, 6], [6, 12, 720, 36]",
    "ex-15-spacing": "risks, best = [4.98, 2.95, 7.7], [0, 0, 1, 1, 2]",
    "ex-16-which": "left = [['z'], [], [], ['z'], [], ['x', 'y', 'z']]",
    "ex-16-time": "factors, training, batches = (1.6, 36), (3.6, 0.96, 1.8), 8800",
    "ex-16-map": "errors, derivatives = [0.1, 0.1], [0.1 * 3 / 2**0.5, 0.1 * 30 / 2**0.5]",
    "ex-16-cube": "of_cube, of_all = [1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 5, 1 / 7]",
    "ex-16-beta": "expected, best, worth = [0.15, 0.08, 0.08], 8 / (60 * 0.1), 0.1",
    "ex-16-projection": """
floors, turned_targets, own_answers, price = (7, 0), 7 / 4, 28 / 9, 2.0
""",
    "ex-17-noether": "kept = [['P'], ['P'], ['P'], [], [], ['P', 'L']]",
    "ex-17-log": """
seen, log = [-1, 0, -90], [-0.7854, -0.7854, -1.5708]
other, after = [1, 2, -90], [2, 3, -90]
""",
    "ex-17-sample": "error, factor, pooled, enough = 1.15, 1.53, 0.235, 9",
    "ex-17-lifts": """
exact, least = [True, False, False, True, False, False], 8

def poses(x):
    return np.arctan2(*(x.mean(0) - x).T[::-1])
""",
    "ex-17-frame": """
unit = lambda w: w / abs(w)

def F(z):
    kept = z[abs(z) > 0]
    return sum(abs(w) * phi(z / unit(w)) for w in kept) / abs(kept).sum()
""",
    "ex-18-action": "actions, poses, together = [True, True, False, True], [16, 8, 4], 16",
    "ex-18-collapse": "shares, errors, weight = [0.51, 0.0004], [0.0196, 0.0004], 39.0",
    "ex-18-generator": """
defect = 0.5

def repaired(A):
    values, vectors = np.linalg.eig(A)
    steps = np.rint(np.angle(values) * 16 / (2 * np.pi))
    return (vectors @ np.diag(np.exp(2j * np.pi * steps / 16)) @ np.linalg.inv(vectors)).real
""",
    "ex-18-sense": 'drawn, errors = [0.0] * len("12345678"), [0.917, 0.996, 1.0]',
}
"""What the book prints, in the names of the tasks."""


@pytest.mark.parametrize("question", frame.QUESTIONS, ids=lambda q: q.__name__)
@pytest.mark.parametrize("label", LABELS)
def test_task(label: str, question: Any) -> None:
    question(TASKS[label])


@pytest.mark.parametrize("label", LABELS)
def test_the_book_earns_nothing(label: str) -> None:
    frame.refuses_the_book(TASKS[label], PRINTED[label])


MISTAKES = {
    "ex-08-price": "tables = [math.perm(len(str(t)) + 9, 9) for t in tables]",
    "ex-08-softness": "soft = hard",
    "ex-09-valid": "whole = [(1 - p) ** 3] * 3",
    "ex-09-augment": "sorted_once = error(np.sort(train), test)",
    "ex-09-fine": "length = half",
    "ex-09-reference": "two = np.stack([code[::-1], code])",
    "ex-10-count": "multiplications = free",
    "ex-10-restrict": "restrict = lambda z: np.asarray(z).reshape(*z.shape[:2], *places.shape)",
    "ex-10-averaging": "averaged = turned",
    "ex-10-hidden": "M = M.T",
    "ex-10-vectors": "right = act\nact = lambda v, r: right(v, -r)",
    "ex-10-ruler": "there_and_back = 2 * once",
    "ch11-ex-clock": "eigenvalues = eigenvalues * n",
    "ch11-ex-votes": "labels = labels[::-1]",
    "ch11-ex-cubes": "stretch = (stretch[1], stretch[1])",
    "ch11-ex-canonical": "canonical = lambda z: np.sort(z)",
    "ch11-ex-half": "shift = n - shift",
    "ch11-ex-eight": "factor = factor.conjugate()",
    "ex-12-sets": "generated = fixing",
    "ex-12-shares": "mended = table / table.std(axis=1, keepdims=True)",
    "ex-12-more": "moves = swings",
    "ex-13-units": "halves = halves * 2",
    "ex-13-defect": "mended = suspicious",
    "ex-13-aliasing": "heard = p * 2",
    "ex-13-integral": "allowed = [2 * a for a in allowed]",
    "ch14-ex-dial": "errors = [errors[1]] * 3",
    "ch14-ex-blur": "once = blurred\nblurred = lambda x, times: once(x, 1)",
    "ch14-ex-hyperbolic": "flow = abs(pieces[:2]) @ errors",
    "ch14-ex-hand": "value = v[1, 1, 1]",
    "ch14-ex-bootstrap": "tenfold = (by_presets / 10**0.5, by_networks / 10**0.5)",
    "ex-15-form": "A = A.T",
    "ex-15-reward": "exact = first",
    "ex-15-predict": "width = room",
    "ex-15-brackets": "once = generated\ngenerated = lambda sets: max(len(sets), once(sets[:1]))",
    "ex-15-closure": "kept = orders",
    "ex-15-spacing": "risks = [risk - 1e-2 for risk in risks]",
    "ex-16-time": "training = (training[0] / 2, *training[1:])",
    "ex-16-map": "errors = [e / 2**0.5 for e in errors]",
    "ex-16-cube": "of_all = of_cube",
    "ex-16-beta": "worth = b2",
    "ex-16-projection": "own_answers = turned_targets",
    "ex-17-noether": "kept = [one or ['L'] for one in kept]",
    "ex-17-log": "other = [*seen[:2], other[2]]",
    "ex-17-sample": "pooled = error",
    "ex-17-lifts": "once = poses\nposes = lambda x: once(x) + np.pi",
    "ex-17-frame": "once = F\nF = lambda z: once(np.conj(z))",
    "ex-18-action": "poses = [min(p, n) + 1 for p, n in zip(poses, (8, 8, 8))]",
    "ex-18-collapse": "errors = [2 * e for e in errors]",
    "ex-18-generator": "repaired = lambda M: np.linalg.qr(M)[0]",
    "ex-18-sense": "errors = [1 - e for e in errors]",
}
"""A mistake for a task, written after its solution."""


@pytest.mark.parametrize("label", MISTAKES)
def test_a_mistake_is_found(label: str) -> None:
    for seed in range(5):
        one = frame.variant(TASKS[label], seed)
        wrong = frame.run(one, f"{one.solution}\n{MISTAKES[label]}")
        assert frame.score(one, wrong) == 0, dict(one.parameters)


@pytest.mark.parametrize("smiles", sorted({*chapter08.ALIKE, *chapter08.MIXED, *chapter08.PAIRED}))
def test_the_network_of_the_book_writes_as_many_numbers(smiles: str) -> None:
    model, _ = load_checkpoint("qm9-vae-book-seed0")
    atoms, bonds = (t[None] for t in molecules.from_smiles(smiles))
    with torch.no_grad():
        code = model.encode(atoms, bonds)[0][0, :, 0].sort().values
    orbits = {
        frozenset(s[i] for s in chapter08.symmetries(smiles))
        for i in range(len(smiles))
        if i < len(chapter08.symmetries(smiles)[0])
    }
    empty = len(chapter08.symmetries(smiles)[0]) < 9
    assert int((code.diff() > 1e-4).sum()) + 1 == len(orbits) + empty
