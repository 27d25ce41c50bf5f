"""Say of every exercise how hard it is, how long it takes, what it earns and what it asks for.

The directives ``{exercise}`` and ``{exercise-start}`` of sphinx-exercise get four options::

    ```{exercise} A group that is not finite
    :label: ex-04-so2
    :level: 2
    :minutes: 15
    :points: 3
    :kind: proof
    ```

They become one line under the title. ``{check}`` is a box with a number, or a picture, that the
reader's own answer is held against before the solution is opened.
"""

from __future__ import annotations

from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.directive import ExerciseDirective, ExerciseStartDirective

LEVELS = {1: "★ to warm up", 2: "★★ the core", 3: "★★★ to stretch"}
"""The three levels, in words."""

KINDS = {
    "paper": "by hand",
    "proof": "a proof",
    "code": "in code",
    "test": "write the test",
    "experiment": "an experiment",
}
"""The kinds of work, in words."""


def level(argument: str) -> int:
    """Read the option ``:level:``."""
    value = int(directives.nonnegative_int(argument))
    if value not in LEVELS:
        raise ValueError(f"the level is 1, 2 or 3, but it is {argument}")
    return value


def kind(argument: str) -> str:
    """Read the option ``:kind:``."""
    return str(directives.choice(argument, tuple(KINDS)))


OPTIONS = {
    "level": level,
    "minutes": directives.positive_int,
    "points": directives.positive_int,
    "kind": kind,
}


def with_facts(result: list[nodes.Node], options: dict[str, Any]) -> list[nodes.Node]:
    """Put the line of facts under an exercise's title."""
    facts = []
    if "level" in options:
        facts.append(LEVELS[options["level"]])
    if "minutes" in options:
        facts.append(f"{options['minutes']} minutes")
    if "points" in options:
        facts.append(f"{options['points']} point{'s' * (options['points'] != 1)}")
    if "kind" in options:
        facts.append(KINDS[options["kind"]])
    if result and facts:
        line = nodes.paragraph("", " · ".join(facts), classes=["exercise-facts"])
        node = result[0]
        assert isinstance(node, nodes.Element)
        node.insert(1, line)
    return result


class Exercise(ExerciseDirective):
    """An exercise that says its level, minutes, points and kind."""

    option_spec: ClassVar[dict[str, Any]] = {**ExerciseDirective.option_spec, **OPTIONS}

    def run(self) -> list[nodes.Node]:
        """Return the exercise."""
        return with_facts(super().run(), self.options)


class ExerciseStart(ExerciseStartDirective):
    """The same for an exercise that goes on over several cells."""

    option_spec: ClassVar[dict[str, Any]] = {**ExerciseStartDirective.option_spec, **OPTIONS}

    def run(self) -> list[nodes.Node]:
        """Return the start of the exercise."""
        return with_facts(super().run(), self.options)


class Check(SphinxDirective):
    """What to hold one's answer against before opening the solution."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return the box."""
        self.assert_has_content()
        box = nodes.admonition(classes=["check"])
        box += nodes.title("", "Check your answer against")
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.setup_extension("sphinx_exercise")
    app.add_directive("exercise", Exercise, override=True)
    app.add_directive("exercise-start", ExerciseStart, override=True)
    app.add_directive("check", Check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
