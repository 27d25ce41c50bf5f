"""The steps of the networks of the zoo: modules that take one tensor and return one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from utils.models.base import Kind, WindowMaximum

Activation = Literal["relu", "gelu"]
"""The nonlinearity, applied to every number by itself."""

_BINOMIAL = (1.0, 2.0, 1.0)


def nonlinearity(name: Activation) -> nn.Module:
    """Return the nonlinearity of a name."""
    return nn.ReLU() if name == "relu" else nn.GELU()


class Blur(nn.Module):
    """Blur every channel with binomial weights, and keep every second position.

    The window is 3 × 3 with weights (1, 2, 1)/4 along each axis. Beyond the frame the image is
    mirrored at its outermost pixels, so that a constant image stays constant.

    Examples
    --------
    >>> Blur()(torch.arange(9.0).reshape(1, 1, 3, 3))
    tensor([[[[2., 3.],
              [5., 6.]]]])
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return the blurred features, ``(B, C, H, W)`` to ``(B, C, (H+1)/2, (W+1)/2)``."""
        channels = features.shape[1]
        weights = features.new_tensor(_BINOMIAL) / sum(_BINOMIAL)
        kernel = torch.outer(weights, weights).expand(channels, 1, -1, -1)
        padded = functional.pad(features, (1, 1, 1, 1), mode="reflect")
        return functional.conv2d(padded, kernel, stride=2, groups=channels)


class PatchEmbedding(nn.Module):
    """Cut an image into square patches and map each linearly to a token."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(1, width, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        """Return tokens row by row, ``(B, 1, 28, 28)`` to ``(B, N, C)``."""
        return cast(Tensor, self.projection(images)).flatten(2).transpose(1, 2)


class ClassToken(nn.Module):
    """Put a learned token, the same for all images, before the others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.token = nn.Parameter(0.02 * torch.randn(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return one token more, ``(B, N, C)`` to ``(B, 1 + N, C)``."""
        return torch.cat([self.token.expand(len(tokens), 1, -1), tokens], dim=1)


class Positions(nn.Module):
    """Add a learned vector to every token, which says where the token is."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(0.02 * torch.randn(count, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the sum, ``(B, N, C)``."""
        return tokens + self.vectors


class TokenMixing(nn.Module):
    """Mix the tokens, every channel by itself, through a perceptron.

    The hidden numbers of this perceptron lie on no grid, so that no transformation of the
    image acts on them; the step is one.
    """

    def __init__(self, count: int, hidden: int, activation: Activation) -> None:
        super().__init__()
        self.into = nn.Linear(count, hidden)
        self.activation = nonlinearity(activation)
        self.back = nn.Linear(hidden, count)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return mixed tokens, ``(B, N, C)``."""
        hidden = self.activation(self.into(tokens.transpose(1, 2)))
        return cast(Tensor, self.back(hidden)).transpose(1, 2)


class Attention(nn.Module):
    """Replace the values of every token by averages, with weights from queries and keys.

    Written out, because forward-mode differentiation does not enter the fused attention of
    PyTorch. It has no weights: the linear maps before and after are steps of their own.

    Examples
    --------
    With queries of zero every token gets the mean of all values:

    >>> values = torch.tensor([[1.0], [3.0]])
    >>> Attention(heads=1)(torch.cat([0 * values, values, values], dim=1)[None]).tolist()
    [[[2.0], [2.0]]]
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, tokens: Tensor) -> Tensor:
        """Return averages of values, ``(B, N, 3 C)`` to ``(B, N, C)``."""
        query, key, value = tokens.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        return (scores.softmax(dim=3) @ value).transpose(1, 2).flatten(2)


class FirstToken(nn.Module):
    """Take the first token."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Return it, ``(B, N, C)`` to ``(B, C)``."""
        return tokens[:, 0]


class Mean(nn.Module):
    """Take the mean over all places: positions of an image, or tokens."""

    def forward(self, features: Tensor) -> Tensor:
        """Return it, ``(B, C, H, W)`` or ``(B, N, C)`` to ``(B, C)``."""
        return features.mean(dim=(2, 3) if features.ndim == 4 else 1)


class Block(nn.Module):
    """Steps that mix tokens, then a perceptron for each, both around a residual connection.

    Parameters
    ----------
    mixing : dict of str to torch.nn.Module
        The steps that mix tokens, by name; a layer norm comes before them.
    width, hidden : int
        Channels of a token, and width of the perceptron.
    activation : {"relu", "gelu"}
        The nonlinearity of the perceptron.
    """

    def __init__(
        self, mixing: Mapping[str, nn.Module], width: int, hidden: int, activation: Activation
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        for name, step in mixing.items():
            self.add_module(name, step)
        self.norm2 = nn.LayerNorm(width)
        self.into = nn.Linear(width, hidden)
        self.activation = nonlinearity(activation)
        self.back = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape, ``(B, N, C)``."""
        *mixing, norm, into, activation, back = self.children()
        for steps in (mixing, (norm, into, activation, back)):
            change = tokens
            for step in steps:
                change = step(change)
            tokens = tokens + change
        return tokens


_KINDS: Mapping[type[nn.Module], Kind] = MappingProxyType(
    {
        nn.BatchNorm2d: "normalisation",
        nn.LayerNorm: "normalisation",
        nn.ReLU: "nonlinearity",
        nn.GELU: "nonlinearity",
        nn.Linear: "linear",
        WindowMaximum: "pooling",
        Blur: "blur",
        PatchEmbedding: "patches",
        ClassToken: "linear",
        Positions: "positions",
        TokenMixing: "token mixing",
        Attention: "attention",
        FirstToken: "readout",
        Mean: "readout",
        nn.Sequential: "readout",  # of flattening and a linear map
    }
)


def kind_of(step: nn.Module) -> Kind:
    """Return what a step of a network does.

    Examples
    --------
    >>> kind_of(Blur()), kind_of(nn.Conv2d(1, 1, 4, stride=2))
    ('blur', 'stride')
    """
    if isinstance(step, nn.Conv2d):
        return "convolution" if step.stride[0] == 1 else "stride"
    return _KINDS[type(step)]
