r"""What each layer of a network contributes to its Lie derivative, exactly and with signs.

The Lie derivative of :mod:`utils.lie.derivative` obeys the chain rule,
:math:`\mathcal{L}(h \circ f) = J_h\, \mathcal{L} f + (\mathcal{L} h) \circ f`. So each layer adds
its own Lie derivative, carried to the output by the layers after it, and
:func:`layerwise_lie_derivative` returns these contributions with their signs. Their sum is the
Lie derivative of the network if, and only if, what is declared about the layers fits together,
and that is checked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from utils._checks import check_choice
from utils._precision import full_precision
from utils.generators import FeatureRepresentation, Generator
from utils.lie._checks import check_arguments
from utils.lie._diagnosis import diagnose
from utils.lie._runs import Network, declared_leaves
from utils.lie.derivative import TRIVIAL, lie_derivative

__all__ = ["LayerwiseLieDerivative", "TelescopingError", "layerwise_lie_derivative"]

_ROUNDING = 100
"""A gap of so many units in the last place of the outputs is rounding, however small the
contributions are; without this, no network that is equivariant would pass."""


class TelescopingError(ValueError):
    """The contributions of the layers do not add up to the Lie derivative of the network.

    ``layer`` is the name of the layer whose declaration is wrong or missing.

    Examples
    --------
    >>> TelescopingError("The sum misses the whole.", layer="conv1").layer
    'conv1'
    """

    def __init__(self, message: str, layer: str) -> None:
        super().__init__(message)
        self.layer = layer


@dataclass(frozen=True)
class LayerwiseLieDerivative:
    """The Lie derivative of a network and what each of its layers contributes to it.

    Attributes
    ----------
    outputs, end_to_end : torch.Tensor
        The outputs, shape ``(B, ...)``, and the Lie derivative of the network, the same shape.
    contributions : dict of str to torch.Tensor
        Name of the leaf to what it contributes, of the same shape, with its sign. Contributions
        of different leaves may cancel.
    gap : torch.Tensor
        ``end_to_end`` minus the sum of the contributions.
    relative_gap : float
        The norm of the gap, divided by the largest norm among ``end_to_end`` and the
        contributions.

    Examples
    --------
    >>> whole, parts = torch.tensor([[3.0]]), {"a": torch.tensor([[4.0]]), "b": -torch.ones(1, 1)}
    >>> LayerwiseLieDerivative(torch.ones(1, 1), whole, parts, 0 * whole, 0.0).shares
    {'a': 1.3333333333333333, 'b': -0.3333333333333333}
    """

    outputs: Tensor
    end_to_end: Tensor
    contributions: dict[str, Tensor]
    gap: Tensor
    relative_gap: float

    @property
    def shares(self) -> dict[str, float]:
        r"""Signed share of each leaf, :math:`\langle C_i, L \rangle / \lVert L \rVert^2`.

        The shares add up to 1 up to the gap, and negative ones belong to leaves that repair what
        others break. They are NaN where the network is equivariant.
        """
        square = float(self.end_to_end.double().square().sum())
        return {
            name: float((value.double() * self.end_to_end.double()).sum()) / square
            if square
            else math.nan
            for name, value in self.contributions.items()
        }


@full_precision
def layerwise_lie_derivative(
    model: nn.Module,
    images: Tensor,
    generator: Generator,
    leaves: Mapping[str, FeatureRepresentation | Sequence[FeatureRepresentation]],
    output: FeatureRepresentation = TRIVIAL,
    *,
    tolerance: float = 1e-4,
    method: Literal["forward", "reverse"] | None = None,
) -> LayerwiseLieDerivative:
    r"""Attribute the Lie derivative of a network to its layers, exactly and with signs.

    A *leaf* is a layer whose inputs and output have declared representations. Its own Lie
    derivative is :math:`\mathcal{L} f_i = J_i [X_{in} z] - X_{out} f_i(z)`, and its contribution
    is what the rest of the network makes of that, :math:`C_i = J_{i \to out}\, \mathcal{L} f_i`.
    If every step that is not inside a leaf commutes with the transformations as declared, as
    additions of branches and changes of layout do, the contributions add up to the Lie derivative
    of the network. If they do not, a :class:`TelescopingError` names the layer at which the
    declarations stop fitting together.

    Parameters
    ----------
    model : torch.nn.Module
        A network in evaluation mode.
    images : torch.Tensor
        Shape ``(B, C, H, W)``.
    generator : Generator
        The transformation.
    leaves : mapping
        Name of a submodule, as in ``model.named_modules()``, to its representations: one for a
        layer that keeps the representation, such as a ReLU; ``(input, output)`` otherwise;
        ``(first, second, ..., output)`` for a layer with several tensors as inputs. A leaf may
        be called several times, and its contributions are then added. It returns one tensor, or
        a field of e2cnn. No leaf lies inside another.
    output : FeatureRepresentation
        What the transformation is meant to do to the outputs of the network.
    tolerance : float
        The largest relative gap that passes. What is rounding of the outputs passes, too.
    method : {"forward", "reverse"}, optional
        Carry each :math:`\mathcal{L} f_i` to the output by forward-mode differentiation, one
        run for each leaf, or pull each component of the output back to all leaves, one backward
        run for each component. Both give the same; by default, the fewer runs.

    Returns
    -------
    LayerwiseLieDerivative
        Contributions, the Lie derivative of the network, and the gap between it and their sum.

    Examples
    --------
    A pooling keeps a ramp, and the square grows with it:

    >>> class Square(nn.Module):
    ...     def forward(self, x):
    ...         return x.mean((2, 3)) ** 2
    >>> from utils.generators import Image, Trivial, generator
    >>> network = nn.Sequential(nn.AvgPool2d(2), Square()).eval()
    >>> coarse = Image().after_window(2, stride=2)
    >>> leaves = {"0": (Image(), coarse), "1": (coarse, Trivial())}
    >>> images = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> layerwise_lie_derivative(network, images, generator("brightness"), leaves).contributions
    {'0': tensor([[0.]]), '1': tensor([[112.5000]])}
    """
    check_arguments(model, images, [generator], output)
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"Layers have names in a torch.nn.Module only, but the model is a "
            f"{type(model).__name__}."
        )
    if not tolerance > 0:
        raise ValueError(f"The tolerance is positive, but it is {tolerance!r}.")
    check_choice(method, "method", ("forward", "reverse", None))
    images = images.contiguous()
    network = Network(model, images, generator, declared_leaves(model, leaves), output)
    outputs, end_to_end = lie_derivative(model, images, generator, output)
    own = {visit.key: visit.own for visit in network.measure()[:-1]}
    whole = all(len(value) == len(images) for value in own.values())
    if method is None:
        fewer = outputs[0].numel() < len(leaves)
        method = "reverse" if whole and fewer else "forward"
    if method == "forward":
        contributions = {
            name: network.push({key: value for key, value in own.items() if key[0] == name})
            for name in leaves
        }
    elif whole:
        contributions = network.pull(own)
    else:
        raise ValueError(
            "A leaf returns something else than one entry for each image, and what is pulled back "
            "to it cannot be told apart by images; choose method='forward'."
        )
    gap = end_to_end - torch.stack(list(contributions.values())).sum(dim=0)
    size = max(float(value.double().norm()) for value in (end_to_end, *contributions.values()))
    missed = float(gap.double().norm())
    relative_gap = missed / size if size else (0.0 if missed == 0 else math.inf)
    rounding = _ROUNDING * torch.finfo(images.dtype).eps * float(outputs.double().norm())
    if not (relative_gap <= tolerance or missed <= rounding):
        layer, reason = diagnose(network, tolerance)
        raise TelescopingError(
            f"The contributions of the layers miss the Lie derivative of the network by "
            f"{relative_gap:.2g} of its size. {reason}",
            layer,
        )
    return LayerwiseLieDerivative(outputs, end_to_end, contributions, gap, relative_gap)
