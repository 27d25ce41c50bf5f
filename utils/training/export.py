"""Put the checkpoints of finished runs among those that come with the book.

.. code-block:: console

   $ python -m utils.training.export runs/digit-zoo-mlp-upright-seed0
   $ python -m utils.training.export           # writes manifests.json again, nothing else

A run gives its checkpoint and its milestones. Each replaces the one of its name, which is right
here and nowhere else: the folder is under version control. The networks of tasks that share a
file go there, all others get a file of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from utils.training.archive import Place, members, write_bytes, write_members
from utils.training.checkpoint import shipped_directory
from utils.training.shipped import FILES, MANIFESTS, SHARED

__all__ = ["MANIFESTS", "export", "main", "manifests_text"]


def places(folder: Path) -> list[Place]:
    """Return every checkpoint of a folder like ``utils/checkpoints``, in alphabetical order."""
    found: list[Place] = []
    for path in folder.glob("*.safetensors"):
        if path.stem in SHARED:
            found += members(path).values()
        else:
            found.append(Place(path, path.stem))
    return sorted(found, key=lambda place: str(place.name))


def manifests_text(folder: Path) -> str:
    """Return all manifests of a folder as one sorted JSON text, of which git sees every line."""
    manifests = {place.name: place.read_manifest() for place in places(folder)}
    return json.dumps(manifests, indent=1, ensure_ascii=False) + "\n"


def export(sources: Iterable[Path], folder: Path) -> tuple[str, ...]:
    """Copy checkpoints into a folder like ``utils/checkpoints`` and renew its list of manifests.

    Parameters
    ----------
    sources : iterable of pathlib.Path
        Files of checkpoints, or folders of finished runs. All are verified before anything is
        written.
    folder : pathlib.Path
        Where to put them.

    Returns
    -------
    tuple of str
        The names of what was put there, in the order of the sources.
    """
    if (folder / FILES).exists():
        raise ValueError(
            f"{folder} belongs to an installation without the networks, whose list would lose all "
            f"that is not there; work in a checkout, or name another folder"
        )
    contents: dict[str, bytes] = {}
    for source in sources:
        paths = [source] if source.is_file() else _finished(source)
        for path in paths:
            place = Place(path, path.stem)  # so that no manifest chooses where it is written
            if path.stem in SHARED:
                raise ValueError(f"{path} has the name of a file that networks share; rename it")
            place.read()
            contents[path.stem] = place.content()
    shared: dict[str, dict[str, bytes]] = defaultdict(dict)
    for name, content in contents.items():
        task = next((task for task in SHARED if name.startswith(f"{task}-")), None)
        if task is None:
            write_bytes(folder / f"{name}.safetensors", content)
        else:
            shared[task][name] = content
    for task, new in shared.items():
        path = folder / f"{task}.safetensors"
        old = members(path) if path.exists() else {}
        kept = {name: place.content() for name, place in old.items() if name not in new}
        write_members(path, {**kept, **new})
    write_bytes(folder / MANIFESTS, manifests_text(folder).encode())
    return tuple(contents)


def _finished(folder: Path) -> list[Path]:
    """Return the files of a run: its checkpoint and its milestones."""
    if not (folder / "run.json").is_file():
        raise FileNotFoundError(f"{folder} is neither a checkpoint nor the folder of a run")
    if json.loads((folder / "run.json").read_text(encoding="utf-8"))["status"] != "finished":
        raise ValueError(f"{folder} holds an unfinished run; give its command again first")
    return [*folder.glob("*.safetensors"), *sorted(folder.glob("milestones/*.safetensors"))]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, or 2 if something was wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m utils.training.export",
        description="Put checkpoints of finished runs among those that come with the book.",
    )
    parser.add_argument("run", nargs="*", type=Path, help="folder of a run, or a .safetensors file")
    parser.add_argument("--into", type=Path, default=shipped_directory(), help="another folder")
    arguments = parser.parse_args(argv)
    try:
        names = export(arguments.run, arguments.into)
    except (ValueError, OSError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    print("\n".join([*names, f"{MANIFESTS} is in step."]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
