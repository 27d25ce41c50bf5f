"""Seeds of a claim, said in words: ``networks 0 to 2; angles 1`` is three networks, one draw.

The ledger lists seeds so that a number can be computed again. A reader of the page of claims wants
to know something else: what was repeated, and how often.
"""

from __future__ import annotations

import re

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

TRAINED = {
    "network": "networks",
    "untrained network": "untrained networks",
    "upright network": "upright networks",
    "plain network": "plain networks",
    "live network": "live networks",
    "graph network": "graph networks",
    "encoder": "encoders",
    "seed": "seeds",
    "training": "trainings",
    "split": "splits",
    "draw": "draws",
}
"""What is counted by itself: one network, three networks."""

PARTICULAR = {
    "order": "order of the data",
    "digits, order": "order of the digits",
    "generator": "generator of random numbers",
    "generators": "generator of random numbers",
    "function": "random function",
    "matrix": "random matrix",
    "code": "random code",
    "loop": "random loop",
    "numbering": "random numbering",
    "mixture": "fit of the mixture",
}
"""What a seed makes one of, by the ledger's word for it."""

DRAWN = {
    "relabelling": "relabellings",
    "scramble": "scrambles",
    "shuffle": "shuffles",
    "splits and permutations": "splits and permutations",
    "relabelling and draw of ranks": "relabellings and ranks",
    "points and noise": "points and noise",
} | {
    word: word
    for word in (
        "angles",
        "batches",
        "clouds",
        "directions",
        "drawings",
        "filters",
        "images",
        "labels",
        "logits",
        "molecules",
        "motions",
        "moves",
        "noise",
        "pairs",
        "permutations",
        "points",
        "pushes",
        "random neighbours",
        "rotations",
        "shifts",
        "shuffles",
        "signals",
        "slopes",
        "starts",
        "systems",
        "templates",
        "turns",
        "values",
        "weights",
    )
}
"""What a seed draws a set of: one draw of angles."""

PHRASES = {
    "none": "nothing is random",
    "network so2-seed0": "one network for SO(2)",
    "network c8-seed0": "one network for C8",
    "networks max-0, mean-0, norm-0": "three networks, one for each pooling",
    "networks of seed 0": "networks of one seed",
    "training 0 in the chapter": "one training, in the chapter",
}
"""What is said as a whole."""

_NUMBERS = r"\d+(?:(?:, | and | to )\d+)*"
_PART = re.compile(rf"(?:(?P<what>[a-z][a-zA-Z, ]*?) )?(?P<numbers>{_NUMBERS})(?P<rest>, .*)?$")
_SLOTS = re.compile(r"network d(\d) of seed \d+$")


def how_many(numbers: str) -> int:
    """Count the seeds of a list or a range.

    Parameters
    ----------
    numbers
        Seeds as the ledger writes them: ``3``, ``0, 1``, ``1 and 2`` or ``0 to 2``.

    Returns
    -------
    int
        Their number.

    Examples
    --------
    >>> how_many("0 to 2"), how_many("11, 12"), how_many("5")
    (3, 2, 1)
    """
    total = 0
    for piece in re.split(r", | and ", numbers):
        first, _, last = piece.partition(" to ")
        total += int(last) - int(first) + 1 if last else 1
    return total


def seeds_in_words(seeds: str) -> str:
    """Say in words what was drawn or trained, and how often.

    Parameters
    ----------
    seeds
        The field ``seeds`` of a claim.

    Returns
    -------
    str
        The same in words; a part that speaks of no known kind of seed stays as it is.

    Examples
    --------
    >>> seeds_in_words("network 0; angles 1, 2; order 0")
    'one network; two draws of angles; one order of the data'
    >>> seeds_in_words("none")
    'nothing is random'
    """
    return "; ".join(_part_in_words(part) for part in seeds.split("; "))


def _part_in_words(part: str) -> str:
    """Say one part of the seeds, between two semicolons, in words."""
    if part in PHRASES:
        return PHRASES[part]
    slots = _SLOTS.match(part)
    if slots:
        return f"one network with {COUNTS[int(slots[1])]} numbers a slot"
    found = _PART.match(part)
    if not found:
        return part
    counted = _counted(found["what"] or "seed", how_many(found["numbers"]))
    rest = (found["rest"] or "").replace("0 in the chapter", "the first of them in the chapter")
    rest = re.sub(r"drawn with seed \d+$", "drawn once", rest)
    return part if counted is None else counted + rest


def _counted(what: str, number: int) -> str | None:
    """Return how many of what, or None if it is no known kind of seed."""
    count = COUNTS[number] if number < len(COUNTS) else str(number)
    if what in TRAINED:
        return f"{count} {what if number == 1 else TRAINED[what]}"
    if what in TRAINED.values():
        if number > 1:
            return f"{count} {what}"
        return "one set of draws" if what == "draws" else f"{what} of one seed"
    if what in PARTICULAR:
        plural = what in ("generator", "generators") and number > 1
        noun = PARTICULAR[what]
        return f"{count} {noun.replace('generator', 'generators') if plural else noun}"
    if what in DRAWN:
        return f"{count} {'draw' if number == 1 else 'draws'} of {DRAWN[what]}"
    if what.startswith(("networks, ", "untrained encoders and ")):
        return f"{count} of each: {what}"
    return None
