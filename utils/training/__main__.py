"""The command line of the training room.

Examples
--------
.. code-block:: console

   $ python -m utils.training --list
   $ python -m utils.training --download "qm9-vae-book-*"
   $ python -m utils.training rotated-mnist --preset small
   $ python -m utils.training rotated-mnist --preset small --devices 2 --seed 1
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

__all__ = ["command_of", "main", "make_parser"]

_PROGRAM = "python -m utils.training"


class _Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """End the command with one sentence instead of the usage."""
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def _number(kind: type, least: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        """Return the number that a word of the command stands for."""
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is too small; the least is {least:g}")
        return float(value) if kind is float else value

    return convert


def make_parser(experiment: str | None = None) -> tuple[argparse.ArgumentParser, list[str]]:
    """Make the parser of the command line.

    Returns the parser and the names of the options of the experiment, which are added to the
    common ones if it is given.
    """
    from utils.training.presets import EXPERIMENTS

    chosen = EXPERIMENTS.get(experiment or "")
    lines = ["tasks and presets:"]
    for name, entry in EXPERIMENTS.items():
        if chosen is None or entry is chosen:
            lines.append(f"  {name}: {entry.summary}")
            lines += [f"    {preset:<8} {one.summary}" for preset, one in entry.presets.items()]
    parser = _Parser(
        prog=_PROGRAM,
        description=(
            "Train a network of the book. A run that was interrupted continues when the same "
            "command is given again; nothing that is there is overwritten."
        ),
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("task", nargs="?", help="what to train, see below")
    parser.add_argument(
        "--list",
        action="store_true",
        help="list tasks, presets and the networks that come with the book, and stop",
    )
    parser.add_argument(
        "--download",
        nargs="*",
        metavar="NAME",
        help="fetch these networks, or all, where the package was installed without them, and stop",
    )
    parser.add_argument("--preset", help="which data, network and recipe, see below")

    parser.add_argument(
        "--seed",
        type=_number(int, 0),
        default=0,
        help="seed of weights, order, augmentation and noise (default: 0)",
    )
    parser.add_argument(
        "--epochs",
        type=_number(int, 1),
        help="passes over the training data (default: the preset's)",
    )
    parser.add_argument(
        "--precision",
        choices=("native", "bf16-mixed", "32-true"),
        help="arithmetic; native takes bfloat16 where it is fast (default: the preset's)",
    )
    parser.add_argument(
        "--output", type=Path, help="folder of the run (default: runs/TASK-PRESET-seedSEED)"
    )
    parser.add_argument(
        "--devices",
        type=_number(int, 1),
        default=1,
        help="number of processes, each on its own core or GPU (default: 1)",
    )
    parser.add_argument(
        "--accelerator",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="where to train; auto takes GPUs if there are any (default: auto)",
    )
    parser.add_argument(
        "--threads",
        type=_number(int, 1),
        default=1,
        help="threads of each process; only 1 gives the same bits every time (default: 1)",
    )
    parser.add_argument(
        "--minutes",
        type=_number(float, 1e-3),
        help="stop before an epoch that would pass this limit; the same command continues",
    )
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="continue an unfinished run in the output folder, or refuse it (default: continue)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options: list[str] = []
    if chosen is not None and chosen.add_options is not None:
        options = chosen.add_options(parser)
    return parser, options


def command_of(
    arguments: argparse.Namespace, parser: argparse.ArgumentParser, options: Sequence[str] = ()
) -> str:
    """Return the command that makes the same run, for the manifest.

    Parameters
    ----------
    arguments : argparse.Namespace
        The parsed command line.
    parser : argparse.ArgumentParser
        The parser it came from: options at its defaults are left out, and so is what belongs to
        this machine (the output folder, the time limit, the progress bar).
    options : sequence of str
        Names of the options of the experiment.
    """
    words = ["python", "-m", "utils.training", arguments.task, "--preset", arguments.preset]
    words += ["--seed", str(arguments.seed)]
    for name in ("epochs", "precision", "devices", "accelerator", "threads", *options):
        value = getattr(arguments, name)
        if value == parser.get_default(name):
            continue
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return shlex.join(words)


def _listing() -> str:
    from utils.training.checkpoint import shipped_directory
    from utils.training.download import available
    from utils.training.presets import EXPERIMENTS
    from utils.training.shipped import Shipped

    lines = [
        f"{name} --preset {preset}\n    {entry.summary}"
        for name, experiment in EXPERIMENTS.items()
        for preset, entry in experiment.presets.items()
    ]
    lines.append("\ntrained networks that come with the book:")
    for file, (count, size, here) in available(Shipped(shipped_directory())).items():
        networks = "1 network" if count == 1 else f"{count} networks"
        state = "here" if here else "fetched by --download"
        name = file.removesuffix(".safetensors")
        lines.append(f"  {name}: {networks}, {size / 1e6:.1f} MB, {state}")
    return "\n".join(lines)


def _list() -> int:
    try:
        print(_listing())
    except (ValueError, OSError) as error:  # of the cache, where networks that were fetched lie
        print(f"{_PROGRAM}: error: {error}", file=sys.stderr)
        return 2
    return 0


def _download(names: Sequence[str], *, progress: bool) -> int:
    from utils.training.download import download_checkpoints

    try:
        for path in download_checkpoints(*names, progress=progress):
            print(path)
    except (ValueError, OSError) as error:
        print(f"{_PROGRAM}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


def _task_of(argv: Sequence[str]) -> str | None:
    """Find the task before its options are known."""
    parser, _ = make_parser()
    found, _ = parser.parse_known_args([word for word in argv if word not in ("-h", "--help")])
    return found.task


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, or the words that are given in its place.

    Returns 0 if the run finished or its time was up, 2 if something was wrong, 130 if it was
    interrupted from the keyboard.
    """
    argv = sys.argv[1:] if argv is None else argv
    parser, options = make_parser(_task_of(argv))
    arguments = parser.parse_args(argv)
    if arguments.list:
        return _list()
    if arguments.download is not None:
        if arguments.task is not None:
            parser.error("--download takes names of networks and trains nothing")
        return _download(arguments.download, progress=not arguments.quiet)
    from utils.training.loop import train
    from utils.training.presets import find_preset

    try:
        task = find_preset(arguments.task, arguments.preset).make(arguments)
        output = arguments.output
        if output is None:
            output = Path("runs") / f"{task.name}-{task.preset}-seed{task.seed}"
        train(
            task,
            output,
            command=command_of(arguments, parser, options),
            devices=arguments.devices,
            accelerator=arguments.accelerator,
            threads=arguments.threads,
            minutes=arguments.minutes,
            resume=arguments.resume,
            progress=not arguments.quiet,
        )
    except (ValueError, OSError) as error:
        if os.environ.get("LOCAL_RANK", "0") == "0":
            print(f"{_PROGRAM}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; the same command continues after the last epoch.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
