"""The tasks of chapters 1 to 7 are sound, and what the book prints earns nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from book.course.task import Task
from book.course.tasks import TASKS
from tests.course_frame import QUESTIONS, refuses_the_book, varies
from tests.form import exercises

MINE = re.compile(r"book\.course\.tasks\.chapter0[1-7](_\w+)?")
LABELS = [label for label, task in TASKS.items() if MINE.fullmatch(type(task).__module__)]

PRINTED: dict[str, str] = {
    "ex-orbit-by-hand": """
sizes = [4, 2, 1]
stabilizer = [0, 2]
twins = [(3, 1, 0, 0), (3, 0, 1, 0)]
""",
    "ex-canonical": """
import torch
from utils.projections import canonicalise

def canonical(z):
    return canonicalise(copies=z.shape[1], order=z.shape[2])(z).reshape(z.shape)

draw = torch.Generator().manual_seed(0)
tie = torch.randn(16, 8, generator=draw, dtype=torch.float64)
tie[0, [1, 5]] = 4.0
nudge = torch.zeros_like(tie)
nudge[0, 5] = 1e-9
left, right = tie - nudge, tie + nudge
""",
    "ex-label-curve": """
raw = [0.403, 0.601, 0.788, 0.865, 0.937, 0.967]
filtered = [0.891, 0.922, 0.946, 0.960, 0.968, 0.976]
enough = 800
""",
    "ex-02-group-or-not": """
identities = {"a": 0, "b": 1}
failures = {"c": "closure", "d": "identity"}
""",
    "ex-02-necklaces": """
from math import gcd

def count(n, q):
    return sum(q ** gcd(n, k) for k in range(n)) // n

here = 352
""",
    "ex-02-own-group": """
import torch
from utils.groups import dihedral

def act(g, x):
    return [torch.rot90(y, k, (1, 2)) for y in (x, x.flip(2)) for k in range(4)][g]

table = dihedral(4).table
""",
    "ex-02-graphs": """
from math import factorial
from itertools import combinations
import numpy as np
from utils.groups import SetAction, count_colourings, symmetric

def graphs(a, b):
    n = a + b
    group, place = symmetric(n), {}
    for number, (i, j) in enumerate(combinations(range(n), 2)):
        place[i, j] = place[j, i] = number
    images = [[place[p[i], p[j]] for i, j in combinations(range(n), 2)]
              for p in group.natural_images.tolist()]
    return count_colourings(SetAction(group, np.array(images)), 2)

here = 34
guess = 2**10 / factorial(5)
""",
    "ex-02-hueckel": """
dimensions = [1, 1, 2, 2]
most_levels = 4
energies = [-2.0, -1.0, -1.0, 1.0, 1.0, 2.0]
levels = 4
""",
    "ex-02-circle": """
import numpy as np
survivors = [0, 8, 16]
mean_of_angles = 0
mean_of_circle = 0

def fooled(theta):
    return np.cos(8 * theta)
""",
    "ex-03-bias": """
import numpy as np
many_nodes = 1
few_nodes = 2
copies = 0
basis = [np.eye(5), np.ones((5, 5))]
""",
    "ex-03-which": """
commute = ["a", "b", "c", "f", "g"]
""",
    "ex-03-symmetric": """
first = [5, 8, 9, 9, 9]
second = [5, 8, 9, 9, 9]
""",
    "ex-03-even": """
exact_sides = [24, 26, 28, 30, 32]
path = [(2, 2, 0), (5, 1, 0), (2, 2, 0), (5, 1, 0)]
""",
    "ex-03-circle": """
from math import hypot

def kernel(x, y):
    r = hypot(x, y)
    return (x, y) if r else (0.0, 0.0)

counts = [1, 2, 2]
""",
    "ex-03-relation": """
coefficients = [1, 1, 2, -1, -1, 2, -1, -1, -6, 2, 2, -1, 1, 1, -1]
""",
    "ex-04-hand": """
distance = 5**0.5
midpoint = (0.5, 4)
straight = (2, 2.5)
how_far = 17**0.5 / 2
""",
    "ex-04-so2": """
import numpy as np

def distance(z, w, n=3):
    wedge, r, s = 2 * np.pi / n, abs(z), abs(w)
    delta = abs(np.angle(z) % wedge - np.angle(w) % wedge)
    delta = np.minimum(delta, wedge - delta)
    return np.sqrt((r - s) ** 2 + 4 * r * s * np.sin(delta / 2) ** 2)

def limit(z, w):
    return abs(abs(z) - abs(w))

enough = 3000
""",
    "ex-04-frechet": """
import torch
from utils.groups import CyclicShifts
from utils.quotient import align

def step(rows, m):
    rows, m = (torch.as_tensor(x, dtype=torch.float64) for x in (rows, m))
    n = rows.shape[-1]
    return align(rows[:, None], m[None, None], CyclicShifts(n)).aligned.mean(dim=0)[0]

mean = rows[0]
for _ in range(8):
    mean = step(rows, mean)
start_value, end_value = 5.0, 0.22
""",
    "ex-04-distortion": """
import numpy as np
lower, upper = 1, 5
low_pair, high_pair = (1, 2), (1, np.exp(0.001j))

def in_space(z):
    flat = abs(z) / 5 * np.exp(5j * np.angle(z))
    return flat.real, flat.imag, abs(z) * (1 - 5**-2) ** 0.5

lower_in_space = 0.65
""",
    "ex-04-collide": """
import numpy as np
ring = np.exp(2j * np.pi * np.arange(3) / 3)

def s(z):
    product = np.prod([abs(z - 2 * g) for g in ring])
    return (z**3).real + 2 * (z**3).imag + product

def h(angle):
    return s(np.exp(1j * angle)) - s(np.exp(1j * (angle + np.pi / 3)))

low, high = 0.0, np.pi / 3
for _ in range(60):
    middle = (low + high) / 2
    low, high = (middle, high) if h(low) * h(middle) > 0 else (low, middle)
first, second = np.exp(1j * low), np.exp(1j * (low + np.pi / 3))
""",
    "ex-05-which": """
import numpy as np
qualify = ["b", "d"]

def section(letter, z):
    return np.abs(z)
""",
    "ex-05-type-d": """
import torch

def fold(z):
    result = z.abs().sort(dim=1).values
    result[:, 0] *= torch.where((z < 0).sum(dim=1) % 2 == 1, -1.0, 1.0)
    return result

mirrors = 12
order = 192
""",
    "ex-05-wide": """
order = 10
mirrors = 5
ends = [(np.cos(a), np.sin(a)) for a in (0.3, 2 * np.pi / 5 - 0.3)]
""",
    "ex-06-constants": """
mean, top, spread, max_filter = 0.5, 1, 1, 1
pair = [[[2, 0, 0, 0]], [[1, 0, 0, 0]]]
""",
    "ex-06-too-few": """
import torch

draw = torch.Generator().manual_seed(20)
here = torch.randn(2, 4, generator=draw, dtype=torch.float64)
there = here + 0.01 * torch.eye(2, 4, dtype=torch.float64)
""",
    "ex-06-signs": """
import torch

draw = torch.Generator().manual_seed(22)
six = torch.randn(6, 4, generator=draw, dtype=torch.float64)
u = torch.linalg.svd(six[:3]).Vh[-1]
v = torch.linalg.svd(six[3:]).Vh[-1]
x, y = u + v, u - v
enough = 7
""",
    "ex-06-relu": """
twin = [-2.0, 1, 1, 0, 0]

def separates(w, z):
    return np.exp(np.dot(w, z))

gap = 1e-3
""",
    "ex-06-bispectrum": """
vanishing = [[], [], []]
recovered = [1, 2, 3]
smallest = 1.0
""",
    "ex-qm9-forms": """
symmetries = [1, 2]
forms = [72, 36]
""",
    "ex-qm9-kekule": """
same_orbit = []

def invariant(atoms, bonds):
    fork = np.flatnonzero((np.asarray(bonds) > 0).sum(1) == 3)
    return float(bonds[fork[0], fork[1]])
""",
    "ex-qm9-smallest": """
ambiguous = ["a", "b", "c", "d", "e", "f", "g"]
reasons = {x: [[0, 1], [0, 2]] for x in ambiguous}
""",
    "ex-qm9-cubane": """
colours = 1
walks = [[0, 168], [12, 136]]
triangles = [0, 2]
squares = [6, 2]
""",
    "ex-05-by-hand": """
first_mirror = (2, 1)
folded = (1, 2)
points_of_z = 8
points_of_w = 4
""",
}
"""The book's solutions, as a student would copy them into the names of the task."""


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.__name__)
def test_task(label: str, question: Any) -> None:
    question(TASKS[label])


@pytest.mark.parametrize("label", LABELS)
def test_what_the_book_prints_earns_nothing(label: str) -> None:
    if varies(TASKS[label]):
        refuses_the_book(TASKS[label], PRINTED[label])


def test_labels_and_points_are_those_of_the_exercises(root: Path) -> None:
    pages = sorted((root / "chapters").glob("0[1-7]*.ipynb"))
    found = {e.label: (page, e.options) for page in pages for e in exercises(page)}
    for label in LABELS:
        page, options = found[label]
        task: Task = TASKS[label]
        assert f".chapter{page.name[:2]}" in type(task).__module__, f"{label} stands in {page.name}"
        minutes, part = int(options["minutes"]), options["kind"] == "proof"
        assert options["kind"] != "test", f"{label} asks for a test"
        assert task.points <= minutes / 5 + 1, f"points of {label}"
        assert part or task.points >= minutes / 5 - 2, f"points of {label}"


def test_students_differ() -> None:
    assert sum(varies(TASKS[label]) for label in LABELS) >= 24
