"""Draw the figure of the welcome page from the shipped network and real digits.

``python -m book._tools.welcome`` writes ``book/_static/welcome-figure.svg``.
"""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import torch

from book._tools.command import ROOT, write
from utils.data.mnist import load_small, rotate, rotated
from utils.models.rotation_cnn import RotationCNN
from utils.plots import INK, PALETTE, PAPER, figure_svg, use_style
from utils.probes import pca
from utils.projections import max_pool
from utils.training import load_checkpoint

TARGET = ROOT / "book" / "_static" / "welcome-figure.svg"
ALT = (
    "Two maps of the latent codes of turned digits. On the left, by raw codes, each of three "
    "digits runs along a closed curve through the whole cloud as it turns. On the right, by "
    "invariant codes, the same three digits stay near one place each."
)


def draw() -> str:
    """Encode turned digits and draw three of them on their way around.

    Returns
    -------
    str
        SVG markup that follows the page from light to dark.
    """
    use_style()
    network, _ = load_checkpoint("rotated-mnist-c8-seed0", model_class=RotationCNN)
    assert isinstance(network, RotationCNN)
    digits = load_small()
    order = torch.randperm(len(digits), generator=torch.Generator().manual_seed(0))
    cloud = rotated(digits.take(order[:1500]), seed=1)
    chosen = [next(int(i) for i in order[2500:] if digits.labels[i] == c) for c in (3, 7, 0)]
    angles = torch.arange(0, 361, 5.0)
    with torch.inference_mode():
        z = network.encode(cloud.images)
        walks = [
            network.encode(rotate(digits.images[i].expand(len(angles), 1, 28, 28), angles))
            for i in chosen
        ]
    fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.9))
    largest_entry = max_pool(16, 8)
    readings: tuple[tuple[str, Callable[[torch.Tensor], torch.Tensor]], ...] = (
        ("raw code", lambda code: code.flatten(1)),
        ("invariant code", largest_entry),
    )
    for axis, (title, reading) in zip(axes, readings, strict=True):
        plane = pca(reading(z), 2)
        axis.scatter(*plane.scores.T, s=5, color=PALETTE[5], alpha=0.3, lw=0, rasterized=True)
        for colour, walk, i in zip(PALETTE, walks, chosen, strict=False):
            path = plane.transform(reading(walk))
            axis.plot(*path.T, color=colour, linewidth=2)
            place = path.mean(axis=0) if title != "raw code" else path[0]
            box = {"boxstyle": "circle,pad=0.25", "fc": PAPER, "ec": colour, "lw": 1.6}
            label = str(int(digits.labels[i]))
            axis.annotate(
                label, place, color=INK, ha="center", va="center", bbox=box, weight="bold"
            )
        axis.set(title=title, xticks=[], yticks=[])
        axis.spines[["left", "bottom"]].set_visible(False)
    svg = figure_svg(fig, ALT)
    plt.close(fig)
    return svg


def main() -> None:
    """Write the figure."""
    write(TARGET, draw() + "\n")
    print(f"{TARGET.name} written")


if __name__ == "__main__":
    main()
