"""The tool that executes chapters: what makes it run again, and what it says when one breaks."""

from __future__ import annotations

import ast
import json
import re
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import pytest

from book._tools import execute as tool
from book._tools import sources
from book._tools.calibration import CalibrationError
from book._tools.command import write
from book._tools.execute import ChapterError
from book._tools.sources import NotebookError, chapter_key, chapters, used_modules

LEDGER = """
a-claim: {chapter: 01_a_chapter, low: 0}
another: {chapter: 02_another, low: 2}
"""


def reference_machine() -> float:
    return 1.0


execute = partial(tool.execute, machine_speed=reference_machine)
refresh = partial(tool.refresh, machine_speed=reference_machine)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with one chapter, a package with two rooms, and a ledger."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "book").mkdir()
    rooms = tmp_path / "utils"
    rooms.mkdir()
    (rooms / "__init__.py").write_text("")
    (rooms / "used.py").write_text("import utils.moving\nfrom utils.below import depth\n")
    (rooms / "below.py").write_text("depth = 1\n")
    (rooms / "unused.py").write_text("nothing = 0\n")
    (rooms / "moving").mkdir()
    for name in ("__init__.py", "figure.js", "figure.css", "figure.html"):
        (rooms / "moving" / name).write_text("")
    (tmp_path / "requirements.txt").write_text("numpy==1\n")
    (tmp_path / "book" / "claims.yml").write_text(LEDGER)
    return tmp_path


def chapter(repository: Path, *code: str, text: str = "# A chapter") -> Path:
    cells = [nbformat.v4.new_markdown_cell(text, id="text")]
    cells += [nbformat.v4.new_code_cell(cell, id=f"c{i}") for i, cell in enumerate(code)]
    path = repository / "chapters" / "01_a_chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


IMPORTING = "if False:\n    from utils.used import depth"


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("utils/used.py", True),
        ("utils/below.py", True),
        ("utils/__init__.py", True),
        ("utils/moving/figure.js", True),
        ("utils/moving/figure.css", True),
        ("utils/moving/figure.html", True),
        ("requirements.txt", True),
        ("utils/unused.py", False),
    ],
)
def test_an_edit_of_what_a_chapter_uses_changes_its_key(repository, file, again):
    path = chapter(repository, IMPORTING)
    before = chapter_key(path, repository)
    (repository / file).write_text((repository / file).read_text() + "# edited\n")
    assert (chapter_key(path, repository) != before) is again


def test_only_the_claims_that_a_chapter_makes_change_its_key(repository):
    path = chapter(repository, IMPORTING)
    before = chapter_key(path, repository)
    ledger = repository / "book" / "claims.yml"
    ledger.write_text(LEDGER.replace("low: 2", "low: 3"))
    assert chapter_key(path, repository) == before
    ledger.write_text(LEDGER.replace("low: 0", "low: 1"))
    assert chapter_key(path, repository) != before


def test_relative_and_indirect_imports_are_followed(repository):
    (repository / "utils" / "below.py").write_text("from . import unused\n")
    names = [path.name for path in used_modules(["from utils import used"], repository)]
    assert names == ["__init__.py", "below.py", "__init__.py", "unused.py", "used.py"]


def test_only_cells_have_lines_of_ipython(repository):
    (repository / "utils" / "below.py").write_text("depth = (\n    7\n    % 2\n)\n")
    names = {path.name for path in used_modules(["%time\nimport utils.used"], repository)}
    assert "below.py" in names


def test_the_book_s_own_rooms_are_found(root):
    names = {path.name for path in used_modules(["%matplotlib inline\nimport utils.claims"], root)}
    assert names == {"__init__.py", "claims.py"}


def test_a_good_copy_is_kept_and_an_edited_one_is_executed_again(repository):
    path, folder = chapter(repository, "print(6 * 7)"), repository / "_build"
    assert refresh(path, folder, root=repository) is not None
    assert refresh(path, folder, root=repository) is None
    chapter(repository, "print(6 * 8)")
    measured = refresh(path, folder, root=repository)
    assert measured is not None
    assert measured.megabytes > 10
    (output,) = nbformat.read(folder / path.name, as_version=4).cells[1].outputs
    assert output.text == "48\n"


def test_an_edit_of_the_text_alone_reaches_the_copy_without_execution(repository):
    path, folder = chapter(repository, "print(6 * 7)"), repository / "_build"
    refresh(path, folder, root=repository)
    chapter(repository, "print(6 * 7)", text="# Another title")
    assert refresh(path, folder, root=repository) is None
    copy = nbformat.read(folder / path.name, as_version=4)
    assert copy.cells[0].source == "# Another title"
    assert copy.cells[1].outputs[0].text == "42\n"


def test_the_chapter_itself_is_left_alone(repository):
    path = chapter(repository, "print(6 * 7)")
    before = path.read_bytes()
    refresh(path, repository / "_build", root=repository)
    assert path.read_bytes() == before


def test_a_broken_chapter_is_named_with_its_cell(repository):
    path = chapter(repository, "print(1)", "1 / 0", "print(2)")
    with pytest.raises(ChapterError, match=r"01_a_chapter\.ipynb, code cell 2 .*ZeroDivisionError"):
        execute(path)


def test_after_a_failure_no_older_copy_is_trusted(repository):
    path, folder = chapter(repository, "print(1)"), repository / "_build"
    refresh(path, folder, root=repository)
    chapter(repository, "1 / 0")
    for _ in range(2):
        with pytest.raises(ChapterError):
            refresh(path, folder, root=repository)
    assert not (folder / "01_a_chapter.json").exists()


def test_a_cell_that_never_ends_is_named(repository):
    path = chapter(repository, "import time; time.sleep(60)")
    with pytest.raises(ChapterError, match="code cell 1"):
        execute(path, timeout=2)


def test_outputs_are_taken_over_only_for_the_same_code(repository):
    path, folder = chapter(repository, "print(6 * 7)"), repository / "_build"
    refresh(path, folder, root=repository)
    assert tool.take_over(path, folder / path.name)
    assert not tool.take_over(path, folder / path.name)
    assert nbformat.read(path, as_version=4).cells[1].outputs[0].text == "42\n"
    chapter(repository, "print(6 * 8)")
    with pytest.raises(ChapterError, match="execute it again"):
        tool.take_over(path, folder / path.name)


def test_an_unknown_chapter_is_refused(repository):
    chapter(repository, "print(1)")
    assert [path.name for path in chapters(repository, only="1")] == ["01_a_chapter.ipynb"]
    with pytest.raises(FileNotFoundError, match="no chapter 09"):
        chapters(repository, only="9")
    shutil.rmtree(repository / "chapters")
    with pytest.raises(FileNotFoundError, match="holds no notebook"):
        chapters(repository)


BUSY = """
import time
end = time.process_time() + 1
while time.process_time() < end: pass
"""


def test_what_an_execution_cost_is_recorded(repository):
    path, folder = chapter(repository, "block = bytearray(200_000_000)", BUSY), repository / "_b"
    measured = tool.refresh(path, folder, machine_speed=lambda: 0.5, root=repository)
    record = json.loads((folder / "01_a_chapter.json").read_text())
    assert record["megabytes"] == measured.megabytes > 200
    assert record["cpu_seconds"] == measured.cpu_seconds >= 1
    assert record["speed"] == measured.speed == 0.5
    assert record["reference_seconds"] == measured.reference_seconds
    assert measured.reference_seconds == pytest.approx(measured.cpu_seconds / 2, abs=0.06)


def test_a_cell_may_take_longer_on_a_slow_machine(repository, monkeypatch):
    path = chapter(repository, "import time; time.sleep(4)")
    monkeypatch.setattr("book._tools.calibration.CELL_SECONDS", 0.5)  # times WAITING: 2 s
    with pytest.raises(ChapterError, match="code cell 1"):
        tool.execute(path, machine_speed=lambda: 1.0)
    tool.execute(path, machine_speed=lambda: 0.05)


def test_a_kernel_starts_quietly_from_any_folder_and_its_errors_are_seen(tmp_path, capfd):
    folder = tmp_path / ("ü and a space " + "x" * 120)
    (folder / "chapters").mkdir(parents=True)
    path = chapter(folder, "import logging; logging.getLogger('IPKernelApp').error('a real one')")
    execute(path)
    printed = capfd.readouterr()
    assert "a real one" in printed.err
    assert "WARNING" not in printed.out + printed.err


@pytest.fixture
def book(repository, monkeypatch) -> Path:
    """The small repository as the one that the command works on, on a machine of speed 0.5."""
    monkeypatch.setattr(tool, "ROOT", repository)
    monkeypatch.setattr(tool, "chapters", partial(chapters, repository))
    monkeypatch.setattr(tool, "refresh", partial(tool.refresh, root=repository))
    monkeypatch.setattr("book._tools.calibration.Calibrator.speed", lambda self: 0.5)
    return repository


def test_the_command_says_when_a_chapter_begins_and_what_it_cost(book, capsys):
    chapter(book, BUSY)
    assert tool.main([]) == 0
    begins, ends, together = capsys.readouterr().out.splitlines()
    assert begins == "01_a_chapter.ipynb: begins"
    assert re.fullmatch(
        r"01_a_chapter\.ipynb: executed in \d+ reference seconds \(\d+ s here\), \d+ MB", ends
    )
    assert together.startswith("1 chapter executed in 0.0 reference minutes")
    assert together.endswith("speed 0.50, reference machine 1")
    assert tool.main([]) == 0
    assert capsys.readouterr().out == "01_a_chapter.ipynb: unchanged, kept\n"


def test_a_machine_that_cannot_be_measured_is_an_error_in_one_sentence(book, monkeypatch, capsys):
    def broken(self):
        raise CalibrationError("The machine's speed could not be measured.")

    monkeypatch.setattr("book._tools.calibration.Calibrator.speed", broken)
    chapter(book, "print(1)")
    assert tool.main([]) == 1
    assert capsys.readouterr().err == (
        "error: 01_a_chapter.ipynb: The machine's speed could not be measured.\n"
    )


# ---------------------------------------------------------------- what is broken


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1\nif x\n    y", "code cell 2, line 2, is no Python"),
        ("<<<<<<< HEAD\nx = 1", "code cell 2, line 1, is no Python"),
    ],
)
def test_code_that_is_no_python_is_named_with_its_chapter(code, said, repository):
    path = chapter(repository, "1 + 1", code)
    with pytest.raises(NotebookError, match=re.escape(f"{path.name}, {said}")):
        refresh(path, repository / "_build", root=repository)


def test_magics_and_shell_lines_are_no_faults_of_a_chapter(repository):
    shell = "files = !echo one\n%matplotlib inline\n" + IMPORTING
    path = chapter(repository, shell, "%%capture\nprint(3)", "len(files)")
    assert refresh(path, repository / "_build", root=repository) is not None
    executed = nbformat.read(repository / "_build" / path.name, as_version=4)
    assert "1" in executed.cells[-1].outputs[0]["data"]["text/plain"]


def test_a_cell_that_shows_a_syntax_error_on_purpose_is_no_fault(repository):
    path = chapter(repository, "1 +")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    assert refresh(path, repository / "_build", root=repository) is not None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "it is no whole notebook"),
        ("{", "it is no whole notebook"),
        ("[]", "it is no whole notebook"),
        ('{"cells": [\n<<<<<<< HEAD\n', "it holds the marks of an unfinished merge"),
    ],
)
def test_a_file_that_is_no_notebook_is_named(content, why, repository):
    path = chapter(repository, "1")
    path.write_text(content)
    with pytest.raises(NotebookError, match=f"{path.name} cannot be read: {why}"):
        refresh(path, repository / "_build", root=repository)


def test_a_cell_that_takes_too_long_is_said_to(repository):
    path = chapter(repository, "import time\ntime.sleep(60)")
    with pytest.raises(ChapterError, match="it took longer than the 1 s that a cell may take"):
        execute(path, timeout=1)


def test_a_kernel_that_dies_is_said_to(repository):
    path = chapter(repository, "import os\nos._exit(3)")
    with pytest.raises(ChapterError, match="its kernel died"):
        execute(path)


@pytest.mark.parametrize("victim", ["copy", "record"])
@pytest.mark.parametrize("damage", ["", "{", "null", "[]", "altered"])
def test_what_is_damaged_among_executed_copies_is_made_again(victim, damage, repository):
    path, folder = chapter(repository, "print(6 * 7)"), repository / "_build"
    refresh(path, folder, root=repository)
    copy, record = folder / path.name, folder / f"{path.stem}.json"
    good = copy.read_text()
    broken = copy if victim == "copy" else record
    text = good.replace("42", "43") if victim == "copy" else record.read_text().replace("a", "b")
    broken.write_text(text if damage == "altered" else damage)
    assert refresh(path, folder, root=repository) is not None
    assert copy.read_text() == good
    assert refresh(path, folder, root=repository) is None


def test_line_ends_are_written_as_they_are_given(tmp_path):
    write(tmp_path / "folder" / "page.txt", "é\n\r\n")
    assert (tmp_path / "folder" / "page.txt").read_bytes() == b"\xc3\xa9\n\r\n"


def test_many_may_write_one_file(tmp_path):
    """Each finds it whole, none fails, and nothing is left over."""
    path, failures = tmp_path / "page.txt", []
    texts = [str(number) * 20_000 for number in range(8)]

    def work(text: str) -> None:
        try:
            for _ in range(20):
                write(path, text)
                assert path.read_text() in texts
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [file.name for file in tmp_path.iterdir()] == ["page.txt"]


def test_code_is_parsed_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, most = 0, 0
    count = threading.Lock()
    parse = ast.parse

    def watched(code: str) -> ast.Module:
        """Parse slowly, and note how many do so at once."""
        nonlocal inside, most
        with count:
            inside += 1
            most = max(most, inside)
        time.sleep(0.01)
        tree = parse(code)
        with count:
            inside -= 1
        return tree

    with ThreadPoolExecutor(8) as pool, monkeypatch.context() as patch:
        patch.setattr(sources.ast, "parse", watched)
        found = list(pool.map(lambda i: sources.imported(f"import utils.a{i}"), range(24)))
        at_once = most
        list(pool.map(watched, ["a = 1"] * 24))
    assert found == [{f"utils.a{i}"} for i in range(24)]
    assert at_once == 1
    assert most > 1, "threads that do not wait for one another went unseen"
