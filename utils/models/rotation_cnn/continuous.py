"""What a network for SO(2) needs beside e2cnn 0.2.3: its plane, and its nonlinearity.

The library finds a basis of kernels again by its hash, and PyTorch asks for the same hash
whenever it walks over the modules of a network. For continuous rotations that hash calls
``ndarray.tostring``, which NumPy 2.3 removed (it had been another name of ``tobytes``), so
that no network for SO(2) can be built. The place is
``R2ContinuousRotationsSolution.__hash__`` in ``e2cnn/kernels/irreps_basis.py``. Nothing of
e2cnn is changed here. A space in e2cnn says in one method how its kernels are built, and
:class:`ContinuousRotations` is such a space: it builds the same kernels from
:class:`HashableSolution`, a subclass in which only the hash is new.
"""

from __future__ import annotations

from typing import Any

import torch
from e2cnn import gspaces, kernels
from e2cnn import nn as enn
from e2cnn.kernels.irreps_basis import R2ContinuousRotationsSolution
from torch import nn

__all__ = ["ContinuousRotations", "HashableSolution", "NormalisedGates"]


class HashableSolution(R2ContinuousRotationsSolution):
    """The kernels between two frequencies, with a hash that NumPy 2.3 can compute."""

    __eq__ = R2ContinuousRotationsSolution.__eq__

    def __hash__(self) -> int:
        """Return the hash e2cnn means: ``tobytes`` in the place of ``tostring``."""
        return hash((self.in_irrep, self.out_irrep, self.mu.tobytes(), self.gamma.tobytes()))


class ContinuousRotations(gspaces.Rot2dOnR2):
    """The plane under rotations by any angle (see the head of this module for the why)."""

    def __init__(self, max_frequency: int) -> None:
        super().__init__(N=-1, maximum_frequency=max_frequency)

    def _basis_generator(
        self, in_repr: Any, out_repr: Any, rings: Any, sigma: Any, **_: Any
    ) -> kernels.KernelBasis:
        angular = kernels.SteerableKernelBasis(HashableSolution, in_repr, out_repr)
        return kernels.PolarBasis(kernels.GaussianRadialProfile(rings, sigma), angular)


class NormalisedGates(enn.EquivariantModule):
    """Batch norm and gated nonlinearity of features that are split into frequencies.

    The incoming channels are ``F w`` gates, ``w`` numbers of frequency 0, and ``w`` pairs of
    each frequency 1, ..., F. A turn of the image turns the pairs and leaves the rest alone.
    So gates and numbers get an ordinary batch norm, and the numbers a ReLU. A pair may only
    be multiplied by an invariant number: it is divided by the root mean square of its
    entries over the batch and multiplied by a learned scale and by the sigmoid of its gate
    (Weiler et al., "3D Steerable CNNs", NeurIPS 2018). The gates are used up.

    One pass over the pairs does all of this; the layers of e2cnn take several, need single
    precision, and cost a third of a training step.
    """

    def __init__(self, space: ContinuousRotations, width: int, max_frequency: int) -> None:
        super().__init__()
        self.width = width
        self.gates = width * max_frequency
        numbers = [space.trivial_repr]
        pairs = [space.irrep(f) for f in range(1, max_frequency + 1) for _ in range(width)]
        self.in_type = enn.FieldType(space, numbers * (self.gates + width) + pairs)
        self.out_type = enn.FieldType(space, numbers * width + pairs)
        self.norm = nn.BatchNorm2d(self.gates + width)
        self.weight = nn.Parameter(torch.ones(self.gates))
        self.running_var: torch.Tensor
        self.register_buffer("running_var", torch.ones(self.gates))

    def forward(self, features: enn.GeometricTensor) -> enn.GeometricTensor:
        """Normalise the fields, and scale each by its gate."""
        channels = features.tensor
        invariant = self.norm(channels[:, : self.gates + self.width])
        pairs = channels[:, self.gates + self.width :].unflatten(1, (self.gates, 2))
        if self.training:
            mean_square = pairs.square().mean(dim=(0, 2, 3, 4))
            with torch.no_grad():
                self.running_var.lerp_(mean_square.to(self.running_var.dtype), 0.1)
        else:
            mean_square = self.running_var
        scale = self.weight * torch.rsqrt(mean_square + self.norm.eps)
        gate = torch.sigmoid(invariant[:, : self.gates]) * scale[:, None, None]
        numbers = torch.relu(invariant[:, self.gates :])
        out = torch.cat([numbers, (pairs * gate[:, :, None]).flatten(1, 2)], dim=1)
        return enn.GeometricTensor(out, self.out_type)

    def evaluate_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the output for a shape of the input."""
        return (input_shape[0], self.out_type.size, *input_shape[2:])
