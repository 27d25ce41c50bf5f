"""Hidden mutants are wrong, differ, and mark a test for what it is worth."""

from __future__ import annotations

import itertools
import json
import random
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from book.course.mutants import SUBJECTS, chosen, correct
from book.course.mutants import choose as choosing
from book.course.mutants.choose import DEMANDED, EACH, EASY, SIZE
from book.course.mutants.generator import drafts
from book.course.mutants.marking import CHANCE, LARGEST, SHOWN, WrittenTest, _guarded
from book.course.mutants.operators import OPERATORS
from book.course.mutants.oracle import SHARE, apart, define, examine, same
from book.course.mutants.printed import excerpt, printed, sources
from book.course.task import AnswerError, Shipped, require
from book.course.tasks import TASKS
from tests.mutants.chapters import (
    carry_by_loop,
    convolution_by_matrices,
    convolution_example,
    distance_by_helper,
    error_by_images,
    filters_by_loop,
    geodesic_from_the_library,
    lie_by_moving,
    penalty_by_rotations,
    relabelled_by_matrices,
    rerendering_by_loop,
    rerendering_example,
    table_by_loop,
    turns_by_roots,
    width_example,
    widths_by_numbers,
)
from utils.equivariance import assert_equivariant
from utils.groups import cyclic, direct_sum, permutation_representation, symmetric

SEEDS = (1, 2027, 3)
WRITTEN = {task.chapter: task for task in TASKS.values() if isinstance(task, WrittenTest)}

every_chapter = pytest.mark.parametrize("chapter", SUBJECTS)


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# -- other judges: they share nothing with the oracle


def differs(found, wanted) -> bool:
    pairs = zip(found, wanted, strict=True) if isinstance(found, tuple) else [(found, wanted)]
    return any(apart(a, b) > 1e-3 for a, b in pairs)


def wrong_projection(project) -> bool:
    basis = np.eye(8) + np.triu(np.random.default_rng(5).normal(size=(8, 8)), 1)
    both = [
        np.linalg.inv(basis) @ direct_sum(one, one).matrices @ basis
        for one in (permutation_representation(g) for g in (symmetric(4), cyclic(4)))
    ]
    return any(differs(project(m), np.einsum("gij->ij", m) / len(m)) for m in both)


def wrong_turns(network, image_sides, roll) -> bool:
    """Whether the library finds that a map is not equivariant, or a batch is not its members."""
    turns = range(4)
    images = [lambda x, r=r: torch.rot90(x, r, (2, 3)) for r in turns]
    fields = [lambda z, r=r: torch.rot90(z, r, (-2, -1)).roll(r, dims=roll) for r in turns]
    for side in image_sides:
        x = torch.randn(3, 1, side, side, generator=draw(side))
        together = network(x)
        if differs(together, torch.cat([network(one[None]) for one in x])):
            return True
        if together.std(0).max() < 0.1:
            return True
        try:
            assert_equivariant(network, x, images, fields, tolerance=1e-4)
        except AssertionError:
            return True
    return False


def wrong_section(s) -> bool:
    """Whether distances are not those found by trying all 384 elements, or the orbit is left."""
    z, w = 2 * torch.randn(2, 16, 4, generator=draw(1), dtype=torch.float64)
    signs = torch.tensor(list(itertools.product([1.0, -1.0], repeat=4)), dtype=torch.float64)
    orders = torch.tensor(list(itertools.permutations(range(4))))
    orbit = (w[:, None] * signs)[:, :, orders].flatten(1, 2)
    brute = (z[:, None] - orbit).norm(dim=-1).amin(dim=1)
    value, copies = s(z), (z[:, None] * signs)[:, :, orders].flatten(1, 2)
    outside = (copies - value[:, None]).norm(dim=-1).amin(dim=1).max() > 1e-3
    moved = copies[torch.arange(16), torch.randint(0, 384, (16,), generator=draw(2))]
    alone = torch.cat([s(one[None]) for one in z])
    distances = (value - s(w)).norm(dim=1)
    return bool(outside) or any(
        differs(a, b) for a, b in ((distances, brute), (s(moved), value), (alone, value))
    )


def wrong_path(path) -> bool:
    x, y = 2 * torch.randn(2, 5, 4, generator=draw(1))
    found = [path(x, y, t).sort(1).values for t in (0.0, 0.3, 1.0)]
    wanted = [geodesic_from_the_library(x, y, t).sort(1).values for t in (0.0, 0.3, 1.0)]
    alone = torch.cat([path(a[None], b[None], 0.3) for a, b in zip(x, y, strict=True)])
    return differs(tuple(found), tuple(wanted)) or differs(alone, path(x, y, 0.3))


def wrong_against(other, *examples):
    """Whether an implementation differs from one that the tests of the book's cells use."""

    def wrong(implementation) -> bool:
        return any(differs(implementation(*e), other(*e)) for e in examples)

    return wrong


def pair(seed, *shape, dtype=torch.float64):
    return 1.5 * torch.randn(2, *shape, generator=draw(seed), dtype=dtype)


def orbit_pairs():
    x, y = pair(1, 5, 3, 6)
    other = x.clone()
    other[:, 0] = other[:, 0].roll(2, -1)
    return [(x, y), (x, x.roll(1, -1)), (x, x.roll(3, -1)), (x, other), (x, x.flip(-1)), (x, x)]


def filters():
    W = 1.5 * torch.randn(5, 3, 4, generator=draw(1))
    return W, 1.5 * torch.randn(6, 3, 4, generator=draw(2))


def graphs():
    half = torch.randint(0, 4, (8, 9, 9), generator=draw(8)).triu(1)
    a = torch.randint(0, 5, (8, 9), generator=draw(7))
    return a, half + half.mT, torch.rand(8, 9, generator=draw(9)).argsort(1)


def carried():
    for z in ([0.3, 0.0, 0.28, -0.1], [2.0, -1.0, 3.0, 1.0], [0.02, 0.0, 0.02, -0.04]):
        X, Y = torch.randn(4, 3, generator=draw(3)), torch.randn(4, 4, generator=draw(4))
        yield torch.tensor(z), 2 * X, 2 * Y


def moved_maps():
    for seed, d, e in ((1, 3, 3), (2, 2, 3)):
        W, B = pair(seed, 4, 4)
        A, x = pair(seed + 5, 4, 4)
        W, A, B, x = W[:e, :d], A[:d, :d], B[:e, :e], x[:3, :d]
        yield (lambda v, W=W: torch.sin(v @ W.T)), x, A, B


def spread_pair():
    y, L = np.random.default_rng(6).normal(size=(2, 5, 3)) + np.array([1, -1, 3])
    return y, L * np.array([[1], [2], [0.1], [3], [1]])


def wrong_widths(learn) -> bool:
    for seed in (5, 6, 7):
        example = width_example(seed)
        slopes, best = learn(*example)
        wanted, width = widths_by_numbers(*example)
        if differs(slopes, wanted) or not torch.isclose(best, width):
            return True
    return False


def wrong_penalty(penalty) -> bool:
    """Whether a penalty or its slope along a direction differs, by a difference quotient."""
    x, v = pair(4, 3, 2, 3)
    q, W = pair(5, 3, 4)[0], pair(6, 3, 3)[0]

    def value(one, W):
        return one(lambda x: torch.sin(x @ W.T) + x.square() / 2, x, q, v[:, 0])

    W.requires_grad_()
    found = value(penalty, W)
    (slope,) = torch.autograd.grad(found, W)
    along, h = pair(7, 3, 3)[0], 1e-5
    with torch.no_grad():
        wanted = value(penalty_by_rotations, W)
        there, back = (value(penalty_by_rotations, W + s * h * along) for s in (1, -1))
    found = found.detach()
    return differs(found, wanted) or differs((slope * along).sum(), (there - back) / (2 * h))


def wrong_convolution(conv) -> bool:
    """Whether a convolution differs from a sum of matrices' inverses, for several radii."""
    for seed, radius in ((1, 1.2), (2, 2.0), (3, 50.0)):
        u, f, kernel, _ = convolution_example(seed)
        found = conv(u, f, kernel, radius)
        if differs(found, convolution_by_matrices(u, f, kernel, radius)):
            return True
    return False


def wrong_rerendering(loss) -> bool:
    return any(
        differs(loss(*example), rerendering_by_loop(*example))
        for example in map(rerendering_example, (1, 2, 3))
    )


WRONG = {
    "02": wrong_projection,
    "03": lambda layer: wrong_turns(layer, (12, 15), 1),
    "04": wrong_against(distance_by_helper, *orbit_pairs()),
    "05": wrong_section,
    "06": wrong_against(
        filters_by_loop,
        *[(W, z) for W, z in [filters()]],
        *[(W.abs(), -z.abs()) for W, z in [filters()]],
    ),
    "07": wrong_against(lambda a, A, p: relabelled_by_matrices(a, A, p), graphs()),
    "08": wrong_against(carry_by_loop, *carried()),
    "09": wrong_path,
    "10": lambda network: wrong_turns(network, (7, 10), 2),
    "11": wrong_against(
        turns_by_roots,
        *[(x, w) for x, y in [pair(1, 6, 3, 4, dtype=torch.complex128)] for w in (y, x * 1j, x)],
        *[(x, x.conj_physical()) for x, _ in [pair(3, 4, 2, 4, dtype=torch.complex128)]],
    ),
    "12": wrong_against(
        table_by_loop,
        (lambda x: torch.sin(x.flatten(1) @ pair(5, 25, 2)[0]), pair(6, 4, 5, 5)[0]),
    ),
    "13": lambda L: any(differs(L(*e), lie_by_moving(*e)) for e in moved_maps()),
    "14": lambda m: abs(m(*spread_pair()) / error_by_images(*spread_pair()) - 1) > 1e-3,
    "15": wrong_widths,
    "16": wrong_penalty,
    "17": wrong_convolution,
    "18": wrong_rerendering,
}


# -- the sets


def test_every_chapter_with_an_exercise_of_the_kind_has_a_task():
    assert set(WRITTEN) == set(SUBJECTS) == set(WRONG) == {f"{n:02d}" for n in range(2, 19)}


@every_chapter
def test_correct_implementations_are_correct(chapter):
    found = correct(chapter)
    assert 3 <= len(found) <= 4
    book = printed(chapter)
    for source in found.values():
        assert "implementation" in source
        assert not any(name in source for name in found)
        one = define(source)
        assert examine(SUBJECTS[chapter], one, seed=5).verdict == "equivalent"
        assert not WRONG[chapter](one)
        assert not book.catches(one)
        assert not book.naive(one)


@every_chapter
def test_the_oracle_agrees_with_the_book_on_what_it_prints(chapter):
    subject, book = SUBJECTS[chapter], printed(chapter)
    assert examine(subject, book.correct).verdict == "equivalent"
    assert {examine(subject, one).verdict for one in book.broken.values()} == {"wrong"}


@every_chapter
def test_a_set_is_wrong_without_twins_and_as_hard_for_every_seed(chapter):
    subject, sets = SUBJECTS[chapter], [chosen(chapter, seed) for seed in SEEDS]
    for mutants in sets:
        assert len(mutants) == SIZE >= 10
        assert sum(m.naive for m in mutants) == EASY <= SIZE / 3
        assert sum(not m.book for m in mutants) == subject.hard
        assert len({m.draft.operator for m in mutants}) >= SIZE / EACH / 2
    one, two, three = ({m.draft.source for m in mutants} for mutants in sets)
    assert len(one & two) < SIZE
    assert len(one & three) < SIZE
    assert len(one & two & three) < SIZE / 2
    for mutant in {m.draft.source: m for m in itertools.chain(*sets)}.values():
        finding = examine(subject, define(mutant.draft.source), seed=11)
        assert finding.verdict == "wrong"
        assert finding.share >= (SHARE if mutant.book else DEMANDED)
        assert WRONG[chapter](define(mutant.draft.source)), mutant.draft.source
    found = [examine(subject, define(m.draft.source)) for m in sets[0]]
    assert not any(same(a, b, subject.margin) for a, b in itertools.combinations(found, 2))


def test_what_the_book_misses_breaks_the_definition_that_the_task_states():
    # The rule for a mutant that the book's own test misses: not seen by the naive test either,
    # and against the stated definition on half of the inputs; our own solution catches it.
    hard = [(c, m) for c in SUBJECTS for s in SEEDS for m in chosen(c, s) if not m.book]
    assert {chapter for chapter, _ in hard} == {"02", "04", "06", "08", "12"}
    for chapter, mutant in hard:
        assert mutant.share >= DEMANDED
        assert not mutant.naive
        assert WRITTEN[chapter].more


def test_a_set_is_drawn_again_from_its_seed(monkeypatch):
    first = chosen("05", 4)
    for name in ("chosen", "_finding", "_mutant", "_naive", "_drafts"):
        monkeypatch.setattr(choosing, name, getattr(choosing, name).__wrapped__)
    assert choosing.chosen("05", 4) == first


# -- the generator and the oracle


def test_every_operator_makes_something_and_most_of_it_is_code():
    made = Counter(
        d.operator for c in SUBJECTS for source in correct(c).values() for d in drafts(source)
    )
    assert set(made) == set(OPERATORS)
    for draft in drafts(correct("05")["by_exchanges"]):
        compile(draft.source, "", "exec")


def test_every_operator_changes_what_it_says():
    source = "def implementation(x, y):\n    return (x[1:] - y.T @ x).sum(dim=0)"
    by = {}
    for draft in drafts(source):
        by.setdefault(draft.operator, []).append(draft.source.partition("return ")[2])
    assert any("dim=1" in text for text in by["another axis"])
    assert any("+ (y.T @ x)" in text for text in by["another operation"])
    assert any("(x) @ (y.T)" in text for text in by["transposed"])
    assert any(".mean(" in text for text in by["reduction"])


BODY = "import torch\ndef implementation(z):\n    {}\n    return z.abs().sort(dim=1).values{}"


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        (BODY.format("z = -z", ""), "equivalent"),
        (BODY.format("z = z.flip(1)", ""), "equivalent"),
        (BODY.format("z = z * 1.0", " + 1e-7"), "equivalent"),
        (BODY.format("z = z * 1.0", " * (1 + 2e-4)"), "hardly wrong"),
        (BODY.format("z = z + (z.shape[1] == 6)", ""), "hardly wrong"),
        (BODY.format("while True: z = z", ""), "hangs"),
        (BODY.format("for i in range(10**7): i", ""), "hangs"),
        (BODY.format("z = z @ z", ""), "crashes"),
        (BODY.format("z = z", "[:, :1]"), "crashes"),
        (BODY.format("z = z", " / 0"), "not finite"),
        (BODY.format("z = z.sort(dim=1).values", ".flip(0)"), "wrong"),
    ],
)
def test_the_oracle_finds(source, verdict):
    assert examine(SUBJECTS["05"], define(source)).verdict == verdict


def test_the_oracle_knows_the_other_half_of_a_property():
    def constant(x):
        return torch.ones(len(x), 2, 4, *x.shape[2:])

    assert examine(SUBJECTS["10"], constant).verdict == "wrong"
    assert examine(SUBJECTS["05"], torch.zeros_like).verdict == "wrong"


# -- marks


def defined(task, code, seed=1):
    names = {}
    exec(task.variant(seed).given, names)
    exec(code, names)
    return SimpleNamespace(catches=names["catches"])


@every_chapter
def test_marks(chapter):
    task = WRITTEN[chapter]
    variant = task.variant(2027, "ada")
    ours = defined(task, variant.solution)
    for check in variant.checks:
        check.run(ours)
    assert variant.score(ours) == (1.0, [])
    book = defined(task, "\n\n".join(sources(chapter, "solution-test")))
    missed = SUBJECTS[chapter].hard / SIZE
    assert variant.score(book)[0] == pytest.approx(1 - missed / (1 - CHANCE))
    assert bool(missed) == bool(task.more)
    refuses, accepts = SimpleNamespace(catches=lambda one: True), defined(task, variant.starter)
    assert variant.score(refuses) == (0.0, ["Your test refuses a correct implementation."])
    assert variant.score(accepts) == (0.0, [f"Your test misses {SIZE} of {SIZE} broken ones."])
    naive = SimpleNamespace(catches=printed(chapter).naive)
    assert variant.score(naive) == (0.0, [f"Your test misses {SIZE - EASY} of {SIZE} broken ones."])
    accepted, caught = variant.checks
    with pytest.raises(AnswerError, match="refuses"):
        accepted.run(refuses)
    with pytest.raises(AnswerError, match="does not catch"):
        caught.run(accepts)


@pytest.mark.parametrize("chapter", ["03", "05", "09", "10"])
def test_where_several_are_correct_comparing_with_the_printed_one_earns_nothing(chapter):
    right = printed(chapter).correct
    example = {
        "03": (torch.randn(2, 1, 9, 9, generator=draw(1)),),
        "05": (torch.randn(3, 4, generator=draw(1)),),
        "09": (*torch.randn(2, 3, 4, generator=draw(1)), 0.5),
        "10": (torch.randn(2, 1, 9, 9, generator=draw(1)),),
    }[chapter]

    def catches(one):
        return not torch.allclose(one(*example), right(*example), atol=1e-4)

    assert WRITTEN[chapter].variant(1).score(SimpleNamespace(catches=catches))[0] == 0


def test_a_coin_earns_next_to_nothing():
    variant, luck = WRITTEN["05"].variant(1), random.Random(0)
    for p in (0.1, 0.2, 0.3, 0.5, 0.8):
        coin = SimpleNamespace(catches=lambda one, p=p: luck.random() < p)
        mean = np.mean([variant.score(coin)[0] for _ in range(25)])
        assert mean * variant.task.points < 0.5


def test_a_test_that_stops_has_refused_and_one_that_stops_for_good_earns_nothing():
    task = WRITTEN["05"]
    variant = task.variant(1)
    ours = defined(task, variant.solution)

    def raises(one):
        require(not ours.catches(one), "broken")
        return False

    assert variant.score(SimpleNamespace(catches=raises))[0] == 1
    dead = []

    def dies(one):
        if not dead and ours.catches(one):
            dead.append(True)
        if dead:
            raise ConnectionError
        return False

    assert variant.score(SimpleNamespace(catches=dies))[0] == 0


def test_a_test_that_was_not_written_is_told_so():
    class Missing:
        def __getattr__(self, name):
            raise AnswerError(f"`{name}` has no value yet.")

    assert WRITTEN["05"].variant(1).score(Missing()) == (0.0, ["`catches` has no value yet."])


def test_only_a_truth_value_is_an_answer():
    variant = WRITTEN["05"].variant(1)
    for said in (None, "yes", 1.0, torch.ones(2)):
        score, lacks = variant.score(SimpleNamespace(catches=lambda one, said=said: said))
        assert (score, lacks) == (0.0, ["catches must return True or False."])
    said = SimpleNamespace(catches=lambda one: torch.tensor(False))
    assert "misses" in variant.score(said)[1][0]


def test_a_test_cannot_make_the_judge_work_for_long():
    seen = []

    def catches(one):
        for size, says in ((LARGEST + 1, "no more than"), (2000, "fewer")):
            with pytest.raises(ValueError, match=says):
                one(torch.ones(1, size))
        seen.append(one)
        return False

    slow = define(
        "def implementation(z):\n    for _ in range(10**9):\n        z = z + 0\n    return z"
    )
    catches(_guarded(slow))
    assert len(seen) == 1


# -- what students see


@every_chapter
def test_nothing_of_the_mutants_is_in_what_a_student_gets(chapter):
    task = WRITTEN[chapter]
    one, two = task.variant(1), task.variant(2)
    assert task.variant(1, "ada") == task.variant(1, "emmy") == one
    assert one.parameters != two.parameters
    assert json.loads(json.dumps(one.parameters)) == one.parameters
    assert chosen(chapter, one.parameters["mutants_seed"]) != chosen(
        chapter, two.parameters["mutants_seed"]
    )
    for text in ("prompt", "given", "starter", "solution"):
        assert getattr(one, text) == getattr(two, text)
    assert not any(name in one.given for name in correct(chapter))


@every_chapter
def test_three_of_the_books_broken_ones_are_given(chapter):
    names = {}
    exec(excerpt(chapter, SHOWN), names)
    table = names["MUTANTS"] if "MUTANTS" in names else names["broken"]
    assert list(table) == list(printed(chapter).broken)[:SHOWN]
    hidden = list(printed(chapter).broken)[SHOWN:]
    assert not any(name in WRITTEN[chapter].variant(1).given for name in hidden)


def test_functions_are_sent_where_they_meet_functions_of_the_student():
    assert {c for c, task in WRITTEN.items() if task.shipped} == {
        "12",
        "13",
        "15",
        "16",
        "17",
        "18",
    }
    handed = []
    WRITTEN["13"].variant(1).score(SimpleNamespace(catches=lambda one: handed.append(one)))
    assert isinstance(handed[0], Shipped)
    assert handed[0].name == "implementation"
    assert '"""' not in handed[0].source


def test_a_task_without_a_score_of_its_own_is_scored_by_its_checks():
    variant = TASKS["ex-05-by-hand"].variant(1)
    names = {}
    exec(variant.solution, names)
    assert variant.score(SimpleNamespace(**names)) == (1.0, [])
    names["points_of_w"] = 8
    assert variant.score(SimpleNamespace(**names)) == (0.0, ["Which element leaves w alone?"])

    class Partial(type(variant.task)):
        all_or_nothing = False

    score, _ = Partial().variant(1).score(SimpleNamespace(**names))
    assert score == pytest.approx(2 / 3)
    shaped = {"first_mirror": (0, 0), "folded": (0, 0), "points_of_z": 1, "points_of_w": 1}
    assert Partial().variant(1).score(SimpleNamespace(**shaped))[0] == 0  # a shape earns nothing
