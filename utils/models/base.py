"""What every network of the book shares.

A network is made from one frozen dataclass, its configuration (:class:`NetworkConfig`). The
network itself (:class:`Network`) knows what of its state was learned, takes a large batch in
pieces where that is safe, and looks at images before it reads them (:func:`check_images`).
"""

from __future__ import annotations

import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeVar, cast

import torch
from torch import Tensor, nn

from utils._checks import check_whole
from utils.generators import FeatureRepresentation

__all__ = [
    "TOLERATED",
    "Kind",
    "Leaf",
    "Network",
    "NetworkConfig",
    "Stepwise",
    "WindowMaximum",
    "check_image_shape",
    "check_images",
]

TOLERATED = (-0.5, 1.5)
"""Least and largest value of a pixel that a network accepts.

Pixels lie in ``[0, 1]``. A cubic spline overshoots at sharp edges, so turned digits need some
room on both sides.
"""

_Config = TypeVar("_Config", bound="NetworkConfig")


# ---------------------------------------------------------------- configuration


class NetworkConfig:
    """The configuration of a network: its checks, and its way to JSON and back.

    A subclass is a frozen dataclass whose fields are numbers, strings and tuples of numbers,
    each with a default. Sentences about the network call it by ``network``.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class MixerConfig(NetworkConfig):
    ...     width: int = 32
    >>> MixerConfig.from_dict(MixerConfig(width=8).to_dict())
    MixerConfig(width=8)
    """

    network: ClassVar[str] = "network"

    def _check_numbers(self, **least: int) -> None:
        """Check that the named fields are whole numbers, each at least as large as given."""
        for name, smallest in least.items():
            object.__setattr__(self, name, check_whole(getattr(self, name), name, smallest))

    def _check_widths(self, count: int) -> None:
        """Check that ``widths`` are so many whole numbers, and make a list (from JSON) a tuple."""
        widths = cast(Any, self).widths
        if not isinstance(widths, (tuple, list)):
            raise TypeError(f"widths must be {count} integers, not {widths!r}")
        if len(widths) != count:
            raise ValueError(
                f"widths must have {count} entries, one for each inner convolution, but "
                f"{tuple(widths)!r} has {len(widths)}"
            )
        whole = tuple(check_whole(width, f"widths[{i}]") for i, width in enumerate(widths))
        object.__setattr__(self, "widths", whole)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold, with tuples as lists."""
        values = asdict(cast(Any, self)).items()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make a configuration from what :meth:`to_dict` returns; absent fields keep defaults."""
        known = [field.name for field in fields(cast(Any, cls))]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"unknown field {unknown[0]!r} in the configuration of the {cls.network}; "
                f"the fields are {', '.join(known)}"
            )
        return cls(**dict(values))


# ---------------------------------------------------------------- the network


class Network(nn.Module):
    """A network that is made from a configuration and can be kept as a checkpoint.

    A subclass sets ``config`` with ``_configured``. If its state holds more than what was
    learned, it says in ``_learned`` which tensors were.

    Examples
    --------
    >>> class Mean(Network):
    ...     def __init__(self, config=None):
    ...         super().__init__()
    ...         self.config = self._configured(NetworkConfig, config)
    ...         self.scale = nn.Parameter(torch.ones(1))
    ...
    ...     def encode(self, images):
    ...         check_images(images, 28)
    ...         return self._in_pieces(lambda part: self.scale * part.mean((1, 2, 3)), images)
    >>> Mean().encode(torch.zeros(2, 1, 28, 28)).shape, list(Mean().checkpoint_state())
    (torch.Size([2]), ['scale'])
    """

    config: NetworkConfig
    # Of a piece, in evaluation: the allocator hands the memory of small pieces from one to the
    # next, while that of large ones goes back to the system and costs a third of the time.
    _rows: ClassVar[int] = 64

    def _configured(self, kind: type[_Config], config: _Config | None) -> _Config:
        """Return the configuration, or the default one if none is given."""
        config = config if config is not None else kind()
        if not isinstance(config, kind):
            raise TypeError(
                f"{type(self).__name__} is made from a {kind.__name__}, not a "
                f"{type(config).__name__}"
            )
        return config

    def _in_pieces(self, compute: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
        """Apply a map row by row; in evaluation without gradients, to a part at a time."""
        if not self.training and not torch.is_grad_enabled() and len(batch) > self._rows:
            return torch.cat([compute(part) for part in batch.split(self._rows)])
        return compute(batch)

    def _learned(self) -> dict[str, Tensor]:
        """Name every tensor that was learned, without copying."""
        return dict(self.state_dict())

    def checkpoint_state(self) -> dict[str, Tensor]:
        """Return what was learned, as contiguous copies on the CPU, the same in every mode."""
        return {
            name: tensor.detach().cpu().clone().contiguous()
            for name, tensor in self._learned().items()
        }

    def load_checkpoint_state(self, state: Mapping[str, Tensor]) -> None:
        """Load what :meth:`checkpoint_state` returned: every key of it, and no other.

        The network stays in the mode it was in. Nothing is changed if the state does not fit.
        """
        own = self._learned()
        missing, unexpected = sorted(set(own) - set(state)), sorted(set(state) - set(own))
        kind, names = ("lacks", missing) if missing else ("has the unexpected", unexpected)
        wrong = f"it {kind} {names[0]!r} (and {len(names) - 1} more)" if names else ""
        for name in () if wrong else own:
            found, expected = tuple(state[name].shape), tuple(own[name].shape)
            if found != expected:
                wrong = f"{name!r} has shape {found}, expected {expected}"
                break
        if wrong:
            raise ValueError(
                f"the checkpoint does not belong to a {self.config.network} of this "
                f"configuration: {wrong}; make the network from the configuration stored with "
                f"the checkpoint"
            )
        self._load(state)

    def _load(self, state: Mapping[str, Tensor]) -> None:
        """Copy a state that fits."""
        with torch.no_grad():
            for name, tensor in self._learned().items():
                tensor.copy_(state[name])


# ---------------------------------------------------------------- a layer


class WindowMaximum(nn.MaxPool2d):
    """Max pooling without padding, in less time where nothing is differentiated.

    In inference mode the maximum over a window is an elementwise maximum of shifted copies of
    the features, first over the rows of the window and then over its columns, which a processor
    takes for many numbers at a time. The values are the same to the last bit. Everywhere else,
    and where it is compiled, this is :class:`torch.nn.MaxPool2d`, whose derivative goes to one
    entry of each window.

    Examples
    --------
    >>> features = torch.arange(16.0).reshape(1, 1, 4, 4)
    >>> with torch.inference_mode():
    ...     WindowMaximum(2)(features).flatten().tolist()
    [5.0, 7.0, 13.0, 15.0]
    """

    def __init__(self, window: int, stride: int | None = None) -> None:
        super().__init__(window, stride)
        self._window, self._stride = window, window if stride is None else stride

    def forward(self, features: Tensor) -> Tensor:
        """Return the maxima, ``(B, C, H, W)`` to ``(B, C, H', W')``."""
        height, width = features.shape[-2:]
        slow = torch.compiler.is_compiling() or not torch.is_inference_mode_enabled()
        if slow or min(height, width) < self._window:
            return super().forward(features)
        rows = [features[..., each, :] for each in self._shifts(height)]
        features = functools.reduce(torch.maximum, rows)
        return functools.reduce(torch.maximum, [features[..., s] for s in self._shifts(width)])

    def _shifts(self, size: int) -> list[slice]:
        """Where the first entry of every window lies, then the second, and so on."""
        last = size - self._window
        return [slice(i, last + i + 1, self._stride) for i in range(self._window)]


# ---------------------------------------------------------------- step by step


Kind = Literal[
    "grid",
    "convolution",
    "stride",
    "nonlinearity",
    "pooling",
    "blur",
    "normalisation",
    "patches",
    "positions",
    "token mixing",
    "attention",
    "linear",
    "readout",
]
"""What a step of a network does.

``stride`` is a convolution that skips positions, ``pooling`` a maximum over windows, ``blur``
an average over windows that skips positions. ``linear`` acts on every place by itself.
``readout`` leads from features on a grid to features without one, ``grid`` from the pixels to
another grid.
"""


class Leaf(NamedTuple):
    """One step of a network, as an attribution of its Lie derivative needs to know it.

    Parameters
    ----------
    kind : str
        What the step does, one of :data:`Kind`.
    input, output : utils.generators.FeatureRepresentation
        What a transformation of the image is meant to do to what goes in and comes out.
    """

    kind: Kind
    input: FeatureRepresentation
    output: FeatureRepresentation


class Stepwise(ABC):
    """A network that says which steps it consists of.

    Each step is a submodule that takes one tensor and returns one. Between them nothing
    happens but the sum of a residual connection.
    """

    @abstractmethod
    def leaves(self) -> dict[str, Leaf]:
        """Return all steps in the order of computation, by their names in ``named_modules()``."""

    def representations(self) -> dict[str, tuple[FeatureRepresentation, FeatureRepresentation]]:
        """Return what acts on the input and on the output of each step.

        This is what :func:`utils.lie.layerwise_lie_derivative` takes.
        """
        return {name: (leaf.input, leaf.output) for name, leaf in self.leaves().items()}


# ---------------------------------------------------------------- images


def check_image_shape(images: Tensor, *sides: int) -> None:
    """Refuse what is not floating point of shape ``(B, 1, side, side)``, for one of the sides."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        found = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(
            f"images must be a floating-point tensor with values in [0, 1], not {found}; for "
            f"bytes from 0 to 255, pass images.float() / 255"
        )
    shapes = [(1, side, side) for side in sides]
    if images.ndim != 4 or tuple(images.shape[1:]) not in shapes:
        expected = " or ".join(f"(B, 1, {side}, {side})" for side in sides)
        raise ValueError(f"images must have shape {expected}, not {tuple(images.shape)}")


def check_images(images: Tensor, *sides: int) -> None:
    """Refuse what a network for digits cannot read: at its door, in one sentence.

    Images have shape ``(B, 1, side, side)``, for one of the sides, and values in ``[0, 1]``, or
    at least within :data:`TOLERATED`. Bytes divided by nothing, standardised pixels and values
    that are not numbers pass through a network without an error, and the result means nothing.

    The values are looked at once, for their least and their largest. Where they are not known,
    their check is left out: inside ``torch.func.vmap``, on the meta device, and while
    ``torch.compile``, ``torch.export`` or a CUDA graph records a computation.

    Examples
    --------
    >>> check_images(torch.full((2, 1, 28, 28), 255.0), 28)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: images must have values in [0, 1] (...), but the largest is 255; divide bytes ...
    """
    check_image_shape(images, *sides)
    known = _range(images)
    if known is None:
        return
    (least, largest), (lower, upper) = known, TOLERATED
    if not (math.isfinite(least) and math.isfinite(largest)):
        rows = (~images.detach().isfinite()).flatten(1).any(dim=1)
        raise ValueError(
            f"images must hold finite values, but {int(rows.sum())} of {len(images)} hold NaN or "
            f"infinite ones, the first in row {int(rows.int().argmax())}; leave these out or mend "
            f"what made them"
        )
    if least < lower or largest > upper:
        wrong = f"the largest is {largest:.4g}" if largest > upper else f"the least is {least:.4g}"
        raise ValueError(
            f"images must have values in [0, 1] (an overshoot to [{lower:g}, {upper:g}] is "
            f"accepted), but {wrong}; divide bytes by 255, and undo a standardisation"
        )


def _range(images: Tensor) -> tuple[float, float] | None:
    """Return the least and the largest value, or nothing where they are not known."""
    if images.numel() == 0 or torch.compiler.is_compiling() or torch.jit.is_tracing():
        return None
    if images.is_cuda and torch.cuda.is_current_stream_capturing():
        return None
    try:
        least, largest = torch.aminmax(images.detach())
        return float(least), float(largest)
    except RuntimeError:  # PyTorch's answer wherever a tensor has a shape and no values
        return None
