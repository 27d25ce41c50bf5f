"""The ledger of claims: every number that the prose relies on, with the band it must lie in.

A claim is an entry of ``book/claims.yml``. A chapter computes the number and calls
:func:`claim`, which prints nothing inside the band and hands the value to the prose. Outside the
band it says so, and goes on, for a reader who changed the code wants to see what follows; with
``BOOK_CLAIMS=strict`` in the environment, as in every build and test of the book, it stops.

A claim is of one of two kinds. The band of a *headline* was reasoned before the run, from what
would make the sentence false, and the reason stands in the ledger. A *guard* has a regression
band around a value that was found: it notices a change, and proves nothing.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

__all__ = [
    "KINDS",
    "STRICT",
    "Claim",
    "ClaimError",
    "claim",
    "ledger_path",
    "read_ledger",
    "read_yaml",
]

KINDS = ("headline", "guard")
"""What a band may be: reasoned before the run, or drawn around what was found."""

STRICT = {"BOOK_CLAIMS": "strict"}
"""What in the environment of a kernel makes a number outside its band stop the chapter."""

_FIELDS = ("statement", "chapter", "low", "high", "source", "seeds")
_OPTIONAL = ("kind", "reason")
_GLUE_PREFIX = "application/papermill.record/"


class ClaimError(AssertionError):
    """A computed number lies outside the band that the book states for it."""


@dataclass(frozen=True)
class Claim:
    """One entry of the ledger.

    Attributes
    ----------
    id : str
        The name by which chapters and prose refer to the claim.
    statement : str
        What the number is, in one sentence.
    chapter : str
        The chapter that computes it: the stem of its file in ``chapters/``.
    low, high : float
        The band; both ends belong to it. The unit is the one named in the statement.
    source : str
        Where the band comes from: ``this book`` or a citation.
    seeds : str
        The seeds behind the band, or ``none`` where nothing is random.
    kind : str
        ``"headline"`` or ``"guard"``; an entry that does not say is a guard.
    reason : str
        Of a headline: why the sentence would be false outside the band.
    """

    id: str
    statement: str
    chapter: str
    low: float
    high: float
    source: str
    seeds: str
    kind: str = "guard"
    reason: str = ""

    def holds(self, value: float) -> bool:
        """Say whether a value lies in the band.

        Parameters
        ----------
        value : float
            The computed number.

        Returns
        -------
        bool
            True if ``low <= value <= high``; NaN is in no band.
        """
        return self.low <= value <= self.high


def ledger_path() -> Path:
    """Find the ledger: beside the package in a checkout, inside it when installed as a wheel.

    Returns
    -------
    pathlib.Path
        The file that :func:`claim` reads.

    Raises
    ------
    FileNotFoundError
        If neither place holds the ledger.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here.parent / "book" / "claims.yml", here / "_claims.yml"):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(
        "The ledger of claims, book/claims.yml, is missing: install the project from a full "
        "checkout, or restore the file."
    )


def _entry(name: object, fields: object, path: Path) -> Claim:
    if not isinstance(name, str) or not isinstance(fields, Mapping):
        raise ValueError(f"{path.name}: entry {name!r} must map an id to its fields {_FIELDS}.")
    missing = [field for field in _FIELDS if field not in fields]
    unknown = [field for field in fields if field not in _FIELDS + _OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"{path.name}: claim {name!r} lacks {missing} and has unknown {unknown}; give it the "
            f"fields {list(_FIELDS)}, and a headline kind and reason."
        )
    kind, reason = str(fields.get("kind", "guard")), str(fields.get("reason", ""))
    if kind not in KINDS or (kind == "headline") != bool(reason.strip()):
        raise ValueError(
            f"{path.name}: claim {name!r} is of kind {kind!r} with the reason {reason!r}; it is a "
            "headline, whose band has a reason, or a guard, whose band has none."
        )
    low, high = float(fields["low"]), float(fields["high"])
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(
            f"{path.name}: claim {name!r} has the band [{low}, {high}]; "
            "give finite ends with low <= high."
        )
    text = {field: str(fields[field]) for field in ("statement", "chapter", "source", "seeds")}
    return Claim(id=name, low=low, high=high, kind=kind, reason=reason, **text)


class _OneOfEach(yaml.SafeLoader):
    """Reads YAML, and refuses a key that a mapping has twice, which YAML forbids, PyYAML not."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping, or say which key it has twice and where.

        Keys are compared as what they mean: ``yes`` and ``true`` are one key, and so are 1 and 1.0.
        """
        seen: dict[Any, str] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            merge = key.tag == "tag:yaml.org,2002:merge"
            value = key.tag if merge else self.construct_object(key)
            if value in seen:
                raise ValueError(
                    f"line {key.start_mark.line + 1} gives the key {key.value!r} a second time, "
                    f"after {seen[value]!r}, and only one of the two would count; remove or rename "
                    "one."
                )
            seen[value] = key.value
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """Read a YAML file whose mappings have each key once.

    Parameters
    ----------
    path : pathlib.Path
        The file, in UTF-8.

    Returns
    -------
    Any
        What it holds: mappings, lists, text, numbers; None if it is empty.

    Raises
    ------
    ValueError
        If a mapping has a key twice, or the file is not YAML.
    """
    loader = _OneOfEach(path.read_text(encoding="utf-8"))
    try:
        return loader.get_single_data()
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name}: {' '.join(str(error).split())}") from error
    finally:
        loader.dispose()


@cache
def _read(path: Path, _changed_ns: int) -> Mapping[str, Claim]:
    content = read_yaml(path) or {}
    if not isinstance(content, Mapping):
        raise ValueError(f"{path.name}: the ledger must map claim ids to their fields.")
    return MappingProxyType({name: _entry(name, entry, path) for name, entry in content.items()})


def read_ledger(path: Path | None = None) -> Mapping[str, Claim]:
    """Read and check the ledger.

    Parameters
    ----------
    path : pathlib.Path, optional
        A ledger file; by default the book's own.

    Returns
    -------
    Mapping[str, Claim]
        The claims by id, in the order of the file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If an id or a field is given twice, or an entry lacks a field, has an unknown one, or its
        band is empty.
    """
    path = ledger_path() if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no ledger of claims at {path.name}; give its full path.")
    return _read(path, path.stat().st_mtime_ns)


def _publish(entry: Claim, value: float) -> None:
    """Leave a record for the prose (``{glue:text}``) in a notebook; it is not shown."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:  # outside notebooks there is no prose
        return
    if get_ipython() is None:
        return
    record: dict[str, Any] = {_GLUE_PREFIX + "text/plain": f"{value:.10e}"}
    scrapbook = {"scrapbook": {"name": entry.id, "mime_prefix": _GLUE_PREFIX}}
    display(record, raw=True, metadata=scrapbook)


def claim(id: str, value: float, *, ledger: Path | None = None) -> None:
    """Hold a computed number against its band, and make it available to the prose.

    Inside the band nothing is printed. In a notebook the value is glued under the claim's id, so
    that the text of the chapter writes ``{glue:text}`` and never a number typed by hand. Outside
    the band one line says so, or, under :data:`STRICT`, the chapter stops.

    Parameters
    ----------
    id : str
        An id of the ledger.
    value : float
        The computed number, in the unit that the claim's statement names. Zero-dimensional
        arrays and tensors are accepted.
    ledger : pathlib.Path, optional
        Another ledger than the book's own.

    Raises
    ------
    KeyError
        If the ledger has no such id.
    TypeError
        If the value is not one number.
    ClaimError
        If the value is NaN; under :data:`STRICT` also if it lies outside the band.
    """
    claims = read_ledger(ledger)
    if id not in claims:
        raise KeyError(
            f"No claim {id!r} in the ledger: add it to book/claims.yml with its statement and band."
        )
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "size", 1) != 0 and getattr(value, "ndim", 0) == 0:
        value = item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(
            f"Claim {id!r} got {type(value).__name__}, but needs one real number: "
            "reduce the array to a scalar first."
        )
    entry = claims[id]
    number = float(value)
    if not entry.holds(number):
        strict = all(os.environ.get(name) == value for name, value in STRICT.items())
        if strict or math.isnan(number):
            raise ClaimError(
                f"Claim {id!r} failed: {entry.statement} Expected {entry.low:g} to "
                f"{entry.high:g}, computed {number:.6g}."
            )
        print(
            f"Outside the book's band: {id} is {number:.6g}, and the book expects {entry.low:g} "
            f"to {entry.high:g}. If you changed the code, that is your result."
        )
    _publish(entry, number)
