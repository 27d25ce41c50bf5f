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

from torch import Tensor, nn

from utils.lie.derivative import TRIVIAL
from utils.lie.generators import FeatureRepresentation, Generator

__all__ = ["LayerwiseLieDerivative", "TelescopingError", "layerwise_lie_derivative"]


class TelescopingError(ValueError):
    """The contributions of the layers do not add up to the Lie derivative of the network.

    Attributes
    ----------
    layer : str
        The name of the layer whose declaration is wrong or missing.
    """

    def __init__(self, message: str, layer: str) -> None:
        super().__init__(message)
        self.layer = layer


@dataclass(frozen=True)
class LayerwiseLieDerivative:
    """The Lie derivative of a network and what each of its layers contributes to it.

    Attributes
    ----------
    outputs : torch.Tensor
        The outputs, shape ``(B, ...)``.
    end_to_end : torch.Tensor
        The Lie derivative of the network, of the same shape.
    contributions : dict of str to torch.Tensor
        Name of the leaf to what it contributes, of the same shape, with its sign. Contributions
        of different leaves may cancel.
    gap : torch.Tensor
        ``end_to_end`` minus the sum of the contributions.
    relative_gap : float
        The norm of the gap, divided by the largest norm among ``end_to_end`` and the
        contributions.
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
    of the network.

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
        The largest relative gap that passes.
    method : {"forward", "reverse"}, optional
        Carry each :math:`\mathcal{L} f_i` to the output by forward-mode differentiation, one
        run for each leaf, or pull each component of the output back to all leaves, one backward
        run for each component. Both give the same; by default, the fewer runs.

    Returns
    -------
    LayerwiseLieDerivative
        Contributions, the Lie derivative of the network, and the gap between it and their sum.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    TelescopingError
        A ``ValueError``, if the gap is larger than the tolerance. It names the layer at which
        the declarations stop fitting together.
    ValueError
        If a leaf does not exist, is not called, lies inside another or gets features that are
        not of its representation; or as for :func:`lie_derivative`.
    """
    raise NotImplementedError
