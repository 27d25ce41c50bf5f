r"""How a network on images changes along flows of a finite length.

A derivative sees a function at the finest scale only. A network whose outputs tremble on the way
may have a large derivative along a motion at whose end it is where it was. The secant

.. math:: \frac{f(\rho(t)\,x) - f(\rho(-t)\,x)}{2t}

is the mean of the Lie derivative over the way, in which what trembles cancels. For small
:math:`t` it is the Lie derivative of an invariant function. It is linear in the generator as far as
the change over the way is, which the Lie derivative always is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from utils._checks import check_whole
from utils._precision import full_precision
from utils.generators import Generator
from utils.lie._checks import Model, check_arguments, check_outputs
from utils.lie.derivative import TRIVIAL
from utils.lie.null_space import SymmetryForm, affine_basis

__all__ = ["flowed", "secant_form"]


def flowed(images: Tensor, generator: Generator, time: float) -> Tensor:
    r"""Return images after they have followed a flow of the plane for some time.

    Points move by the exponential of the affine field, about the centre of the image. Between
    pixels the image is Keys' cubic interpolant, whose slope at a pixel is the central difference
    that generators take by default (PyTorch's own has a slope half as large again), and beyond the
    border lies the pixel of the border. Beside edges, values overshoot a little.

    Parameters
    ----------
    images : torch.Tensor
        Shape ``(B, C, H, W)``, ``float32`` or ``float64``.
    generator : Generator
        An affine flow; brightness multiplies by the exponential of time.
    time : float
        In units of the generator: radians for rotation.

    Examples
    --------
    A quarter turn, counter-clockwise:

    >>> from utils.generators import generator
    >>> image = torch.tensor([[0.0, 1.0], [0.0, 0.0]])[None, None]
    >>> flowed(image, generator("rotation"), torch.pi / 2)[0, 0].round() + 0
    tensor([[1., 0.],
            [0., 0.]])
    """
    check_arguments(lambda x: x, images, [generator], TRIVIAL)
    generator(images[:1])
    if not math.isfinite(time):
        raise ValueError(f"time is a finite number, but it is {time!r}.")
    height, width = images.shape[2:]
    field = torch.zeros(3, 3, dtype=torch.float64)
    field[:2] = torch.tensor(generator.matrix, dtype=torch.float64)
    back = torch.linalg.matrix_exp(-time * field)[:2]
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64)
    rows, columns = torch.meshgrid(
        torch.arange(height).double(), torch.arange(width).double(), indexing="ij"
    )
    places = torch.stack([columns, rows], dim=-1) - middle
    x, y = (places @ back[:, :2].T + back[:, 2] + middle).unbind(-1)
    moved = torch.zeros_like(images)
    for down in range(-1, 3):
        for along in range(-1, 3):
            row, column = y.floor() + down, x.floor() + along
            weight = (_keys(y - row) * _keys(x - column)).to(images)
            at = row.clamp(0, height - 1).long(), column.clamp(0, width - 1).long()
            moved = moved + weight * images[..., at[0], at[1]]
    return moved * math.exp(time * generator.gain)


def _keys(apart: Tensor) -> Tensor:
    """Return the weights of pixels at some distances."""
    size = apart.abs()
    near = 1.5 * size**3 - 2.5 * size**2 + 1
    far = -0.5 * size**3 + 2.5 * size**2 - 4 * size + 2
    return torch.where(size < 1, near, torch.where(size < 2, far, torch.zeros_like(size)))


@full_precision
def secant_form(
    model: Model,
    images: Tensor,
    generators: Sequence[Generator] | None = None,
    *,
    time: float,
    batch_size: int = 64,
) -> SymmetryForm:
    """Measure how an invariant network changes over finite ways along flows of the plane.

    It is :func:`~utils.lie.image_symmetry_form` with secants in the place of derivatives, of the
    outputs and of the images alike. Nothing is differentiated.

    Parameters
    ----------
    model : Callable
        Takes images and returns a batch of outputs; a network must be in evaluation mode.
    images : torch.Tensor
        Shape ``(B, C, H, W)``.
    generators : sequence of Generator, optional
        Linearly independent flows; by default :func:`~utils.lie.affine_basis` without
        translations, all of which are radians or pure numbers.
    time : float
        How long each flow is followed, forwards and backwards, in its own unit; positive.
    batch_size : int
        How many images go through the model at once.

    Returns
    -------
    SymmetryForm

    Examples
    --------
    >>> from utils.lie import infinitesimal_symmetries
    >>> images = torch.zeros(2, 1, 9, 9)
    >>> images[0, :, 2:4, 3:5], images[1, :, 5, 4:6] = 1.0, 1.0
    >>> form = secant_form(lambda x: x.square().sum((2, 3)), images, time=0.2)
    >>> form.names[0], form.samples
    ('rotation', 2)
    """
    flows = list(affine_basis(translations=False) if generators is None else generators)
    check_arguments(model, images, flows, TRIVIAL)
    batch_size = check_whole(batch_size, "batch_size")
    if not (math.isfinite(time) and time > 0):
        raise ValueError(f"time is a positive number, but it is {time!r}.")
    changes, motions = [], []
    with torch.no_grad():
        for part in images.split(batch_size):
            pairs = [(flowed(part, flow, time), flowed(part, flow, -time)) for flow in flows]
            values = [(model(ahead), model(behind)) for ahead, behind in pairs]
            for ahead, behind in values:
                check_outputs(ahead, part)
                check_outputs(behind, part)
            changes.append(torch.stack([(a - b) / (2 * time) for a, b in values]))
            motions.append(torch.stack([(a - b) / (2 * time) for a, b in pairs]))
    return SymmetryForm.from_derivatives(
        torch.tensor([flow.matrix for flow in flows], dtype=torch.float64),
        torch.cat(changes, dim=1),
        torch.cat(motions, dim=1),
        [flow.name for flow in flows],
    )
