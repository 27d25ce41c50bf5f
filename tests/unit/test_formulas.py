"""The settings of formulas are found on some page, and never given up in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from book._tools.command import CommandError
from book._tools.formulas import mathjax_settings
from book._tools.pdf.printing import Cover, _shell

WITHOUT = "<article><p>No formula</p></article>"
LOADS = '<script defer="defer" src="../_static/mathjax/tex-chtml.js"></script>'
SETTINGS = '<script>window.MathJax = {"tex": {"packages": {"[+]": ["ams"]}}}</script>'


def test_settings_are_those_of_the_first_page_that_has_any() -> None:
    assert mathjax_settings([WITHOUT, LOADS + SETTINGS]) == {"tex": {"packages": {"[+]": ["ams"]}}}
    assert mathjax_settings([WITHOUT, WITHOUT]) == {}


@pytest.mark.parametrize("other", ["", SETTINGS.replace("window.", "")])
def test_a_page_that_sets_formulas_without_settings_is_refused(other: str) -> None:
    with pytest.raises(CommandError, match="Sphinx writes otherwise than known"):
        mathjax_settings([WITHOUT, LOADS + other])


def test_a_pdf_that_begins_with_a_page_without_formulas_sets_those_of_the_others(
    tmp_path: Path,
) -> None:
    files = [tmp_path / "one.html", tmp_path / "two.html"]
    for file, text in zip(files, (WITHOUT, LOADS + SETTINGS), strict=True):
        file.write_text(text, encoding="utf-8")
    shell = _shell(files, tmp_path / "_static", Cover("", "", "", "", "", ""))
    assert '"tex": {"packages": {"[+]": ["ams"]}}' in shell
