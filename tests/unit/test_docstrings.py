"""The examples of docstrings run, and what is public in the mathematical rooms has one.

``tests/missing_examples.txt`` lists what still lacks an example. The list may only shrink:
``python tests/unit/test_docstrings.py`` takes off it what has been mended. Where rooms have moved
and names have changed, ``python tests/unit/test_docstrings.py --anew`` makes it again.
"""

from __future__ import annotations

import doctest
import functools
import importlib
import inspect
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
MISSING = ROOT / "tests" / "missing_examples.txt"
RUNNERS = {"utils.training.__main__"}  # importing it runs it


def modules() -> Iterator[str]:
    """Names of all modules of the package, of the tools, and of the extensions of Sphinx."""
    for package, prefix in (("utils", "utils."), ("book/_tools", "book._tools.")):
        yield prefix[:-1]
        for found in pkgutil.walk_packages([str(ROOT / package)], prefix):
            if found.name not in RUNNERS:
                yield found.name
    for path in sorted((ROOT / "book" / "_ext").glob("*.py")):
        yield f"book/_ext/{path.stem}"


def load(name: str) -> ModuleType:
    """Import a module; extensions are known to Sphinx, and here, by their last name."""
    if name.startswith("book/_ext/"):
        folder = str(ROOT / "book" / "_ext")
        if folder not in sys.path:
            sys.path.append(folder)
        name = name.rsplit("/", 1)[1]
    return importlib.import_module(name)


def run(module: ModuleType) -> tuple[int, list[str]]:
    """Run every example of a module; return how many there were and what went wrong."""
    said: list[str] = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    runner = doctest.DocTestRunner(verbose=False, optionflags=flags)
    count = 0
    for test in doctest.DocTestFinder().find(module):
        count += len(test.examples)
        if any(doctest.SKIP in example.options for example in test.examples):
            said.append(f"{test.name} skips an example: let it run, or leave it out.")
        runner.run(test, out=said.append)
    return count, said


@pytest.mark.parametrize("name", list(modules()))
def test_the_examples_run(name):
    if name == "book._tools.first_cell":
        pytest.skip("the cell that chapters begin with; it has a test of its own")
    _, said = run(load(name))
    assert not said, "".join(said)


def test_an_example_that_is_wrong_is_noticed():
    module = ModuleType("made_up")
    module.__doc__ = ">>> 6 * 7\n42\n>>> 6 * 8\n49\n>>> 1 / 0  # doctest: +SKIP\n"
    count, said = run(module)
    assert count == 3
    assert "skips an example" in said[0]
    assert "Expected:\n    49\nGot:\n    48\n" in "".join(said)


def rooms() -> list[str]:
    """The mathematical rooms: those below the data but for chemistry, probes and discovery."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["containers"] == ["utils"])
    below = layers[layers.index("data") + 1 :]
    names = [name.strip() for layer in [*below, "probes", "discovery"] for name in layer.split("|")]
    return [name for name in names if not name.startswith("_") and name != "molecules"]


def asked(one: object) -> bool:
    """Whether something public needs an example: classes and functions do, errors do not."""
    if inspect.isclass(one):
        return not issubclass(one, BaseException)
    return inspect.isroutine(inspect.unwrap(one))


def lacking() -> list[str]:
    """Public classes and functions of the mathematical rooms without an example of their own."""
    found = []
    for room in rooms():
        module = importlib.import_module(f"utils.{room}")
        public = {name: getattr(module, name) for name in module.__all__}
        found += [
            f"{room}.{name}"
            for name, one in public.items()
            if asked(one) and ">>>" not in (one.__doc__ or "")
        ]
    return sorted(found)


def listed() -> list[str]:
    return MISSING.read_text(encoding="utf-8").split()


def test_the_mathematical_rooms_are_those_of_the_design():
    assert {"groups", "quotient", "projections", "equivariance", "lie", "probes"} <= set(rooms())
    for room in rooms():
        assert importlib.import_module(f"utils.{room}").__all__


def test_what_is_public_has_an_example():
    new = set(lacking()) - set(listed())
    assert not new, f"give these a short example in their docstring: {sorted(new)}"


def test_the_list_of_what_lacks_an_example_only_shrinks():
    mended = set(listed()) - set(lacking())
    assert not mended, f"call python tests/unit/test_docstrings.py: no longer lacking {mended}"
    assert listed() == sorted(set(listed()))


def test_what_needs_an_example_is_told_from_what_does_not():
    assert asked(Path)
    assert asked(run)
    assert asked(functools.cache(run))
    assert not asked(KeyError)
    assert not asked(3)
    assert not asked(int | str)


def renew(anew: bool) -> None:
    """Take off the list what is mended; ``anew`` also lists what is new."""
    kept = [name for name in lacking() if anew or name in set(listed())]
    MISSING.write_text("".join(f"{name}\n" for name in kept), encoding="utf-8")
    print(f"{len(kept)} names in {MISSING.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    renew("--anew" in sys.argv[1:])
