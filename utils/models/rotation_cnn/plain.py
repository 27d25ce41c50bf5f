"""A trained network for ``C_n`` without its symmetry: as ordinary layers of PyTorch.

At test time a steerable convolution is a convolution like any other. Its filters were built
from fewer numbers, and that is all that is left of the symmetry.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

import torch
from e2cnn import nn as enn
from torch import Tensor, nn

from utils.generators import Image, RegularField, Trivial
from utils.models.base import Kind, Leaf, Stepwise, check_images
from utils.models.rotation_cnn.networks import Head, RotationCNN, pool_over_group
from utils.models.rotation_cnn.odd_grid import GRID_SIDE, IMAGE_SIDE, centred_on_odd_grid

__all__ = ["PlainClassifier", "plain_classifier", "plain_convolutions"]


_STAGE: Mapping[str, Kind] = MappingProxyType(
    {"conv": "convolution", "norm": "normalisation", "relu": "nonlinearity", "blur": "blur"}
)


class _OddGrid(nn.Module):
    """Read images at the corners of their pixels, and mask the corners of the square."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask.clone())

    def forward(self, images: Tensor) -> Tensor:
        """Return the masked grid, shape ``(B, 1, 29, 29)``."""
        return centred_on_odd_grid(images) * self.get_buffer("mask")


class _GroupPool(nn.Module):
    """Pool codes over the group, as the head of the configuration says."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head

    def forward(self, codes: Tensor) -> Tensor:
        """Return the pooled codes, ``(B, k, n)`` to ``(B, k)``."""
        return pool_over_group(codes, self.head)


def _convolution(filters: Tensor, bias: Tensor | None, **window: Any) -> nn.Conv2d:
    """Make a convolution of given filters, ``(C', C / groups, K, K)``."""
    outputs, inputs, side, _ = filters.shape
    inputs *= window.get("groups", 1)
    made = nn.utils.skip_init(
        nn.Conv2d, inputs, outputs, side, bias=bias is not None, dtype=filters.dtype, **window
    )
    layer = cast(nn.Conv2d, made)
    layer.weight.data.copy_(filters)
    if layer.bias is not None and bias is not None:
        layer.bias.data.copy_(bias)
    return layer


def _written_out(module: nn.Module) -> nn.Module:
    """Write one module of the trunk as an ordinary layer, which shares no memory with it."""
    if isinstance(module, enn.MaskModule):
        return _OddGrid(module.mask)
    if isinstance(module, enn.PointwiseAvgPoolAntialiased):
        window = {"stride": module.stride, "padding": module.padding}
        return _convolution(module.filter, None, groups=module.in_type.size, **window)
    if isinstance(module, enn.R2Conv):  # from its weights: the filters it keeps may be stale
        return _convolution(*module.expand_parameters(), padding=module.padding)
    mode = module.training
    layer = cast(Any, module).export()  # leaves the module in evaluation mode
    module.train(mode)
    return cast(nn.Module, copy.deepcopy(layer))  # for it shares a counter with the module


def plain_convolutions(network: RotationCNN) -> nn.Sequential:
    """Write the way from images to codes as ordinary layers, in evaluation mode.

    The network is not changed, and the result shares no memory with it. It takes images
    ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)`` to the same codes ``(B, k, n)``.
    """
    if not isinstance(network, RotationCNN):
        raise TypeError(f"network must be a RotationCNN, not {type(network).__name__}")
    with torch.no_grad():
        layers = [_written_out(module) for module in network.trunk.children()]
    shape = network.config.copies, network.config.group_order
    layers += [nn.Flatten(), nn.Unflatten(1, shape)]
    device = next(network.parameters()).device
    return nn.Sequential(*layers).eval().requires_grad_(False).to(device)


class PlainClassifier(nn.Sequential, Stepwise):
    """A trained rotation network as ordinary layers with names, from the image to the logits.

    What :func:`plain_convolutions` writes out, and the head. It computes what the network
    computes, holds no e2cnn module, and its steps can be read one by one. Make one with
    :func:`plain_classifier`.
    """

    def __init__(self, network: RotationCNN) -> None:
        super().__init__()
        grid, *layers = plain_convolutions(network)
        self.group_order = network.config.group_order
        # Out of place, so that whoever listens to the layer before hears what it said.
        layers, head = (
            [nn.ReLU() if isinstance(layer, nn.ReLU) else layer for layer in some]
            for some in (layers, copy.deepcopy(network.classifier))
        )
        self.add_module("grid", grid)
        for number, layer in enumerate(layers[:-3]):
            self.add_module(f"{list(_STAGE)[number % 4]}{number // 4 + 1}", layer)
        self.add_module("code", nn.Sequential(*layers[-3:]))
        self.add_module("pool", _GroupPool(network.config.head))
        for name, layer in zip(("hidden", "norm", "relu", "head"), head, strict=True):
            self.add_module(name, layer)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images, as the rotation network does."""
        check_images(images, IMAGE_SIDE, GRID_SIDE)
        return cast(Tensor, super().forward(images))

    def leaves(self) -> dict[str, Leaf]:
        """Return all steps; see :meth:`utils.models.base.Stepwise.leaves`.

        The features are copies of the regular representation of ``C_n``. The representations
        are those for images of 28 pixels a side.
        """
        here: Image | RegularField = Image(offset=-0.5)
        found = {"grid": Leaf("grid", Image(), here)}
        for name, step in self.named_children():
            if name[:-1] not in _STAGE:
                continue
            after = here
            if isinstance(step, nn.Conv2d):
                grid = here.after_window(step.kernel_size[0], step.stride[0], int(step.padding[0]))
                after = RegularField(self.group_order, grid.stride, grid.offset)
            found[name] = Leaf(_STAGE[name[:-1]], here, after)
            here = after
        code, invariant = RegularField(self.group_order), Trivial()
        linear = Leaf("linear", invariant, invariant)
        return found | {
            "code": Leaf("convolution", here, code),
            "pool": Leaf("readout", code, invariant),
            "hidden": linear,
            "norm": linear,
            "relu": Leaf("nonlinearity", invariant, invariant),
            "head": linear,
        }


def plain_classifier(network: RotationCNN) -> PlainClassifier:
    """Write a trained network without its symmetry, in evaluation mode.

    The network is not changed, and the result shares no memory with it. It takes images
    ``(B, 1, 28, 28)`` or ``(B, 1, 29, 29)`` to logits ``(B, classes)``.
    """
    return PlainClassifier(network).eval().requires_grad_(False)
