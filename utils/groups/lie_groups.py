r"""Lie groups that move points, with what a convolution on them asks for.

A convolution on a group reads one thing of two elements :math:`u` and :math:`v`: the logarithm of
:math:`v^{-1}u`. When the whole picture moves, both become :math:`gu` and :math:`gv`, and

.. math:: (gv)^{-1}(gu) = v^{-1}u.

Points are not elements of a group. A point :math:`x` is *lifted* to an element :math:`u` that
carries a fixed place to it, and, where the group does not reach every point, to a label of its
orbit (Finzi, Stanton, Izmailov & Wilson, "Generalizing Convolutional Neural Networks for
Equivariance to Lie Groups on Arbitrary Continuous Data", ICML 2020, sections 4.1 to 4.4).

=================  ==============================================  ===================  =========
group              an element is                                   its logarithm        orbit
=================  ==============================================  ===================  =========
``Trivial(d)``     nothing                                         nothing              the point
``Translations``   a shift, d numbers                              the shift            one
``Rotations``      :math:`(\cos\theta, \sin\theta)`                :math:`\theta`       radius
``Similarities``   :math:`re^{i\theta}`, two numbers               log r, theta         one
``Motions``        :math:`(\cos\theta, \sin\theta, x, y)`          theta, two numbers   one
=================  ==============================================  ===================  =========

Trivial and translations move spaces of any dimension, the others the plane. Elements lie along
the last axis of a tensor.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor

from utils._checks import check_choice, check_float, check_whole

__all__ = [
    "LieGroup",
    "Motions",
    "Rotations",
    "Similarities",
    "Translations",
    "Trivial",
]

Chart = Literal["log", "entries"]


class LieGroup(ABC):
    r"""A Lie group that moves points, and what a convolution on it reads of two elements.

    Parameters
    ----------
    chart : {"log", "entries"}
        What is read of :math:`v^{-1}u`. The logarithm takes an angle in :math:`(-\pi, \pi]` and
        jumps at :math:`\pi`; the entries have its cosine and sine in place of the angle, and
        nowhere jump.

    Attributes
    ----------
    name : str
        As in the literature: ``"T(2)"``.
    dimension : int
        Of the space whose points are moved.
    element_size : int
        Numbers in an element.
    orbit_size : int
        Numbers in the label of an orbit.
    angle : int or None
        Where in the logarithm the angle stands, if there is one.

    Examples
    --------
    >>> group, points = Motions(), torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    >>> u, orbits = group.lift(points, generator=torch.Generator().manual_seed(0))
    >>> u.shape, orbits.shape, group.pairs(u).shape
    (torch.Size([3, 4]), torch.Size([3, 0]), torch.Size([3, 3, 3]))
    """

    name: str
    dimension: int = 2
    element_size: int
    log_size: int
    orbit_size: int = 0
    angle: int | None = None

    def __init__(self, chart: Chart = "log") -> None:
        self.chart = check_choice(chart, "The chart", ("log", "entries"))

    def __repr__(self) -> str:
        """Name the group and its chart."""
        return f"{self.name}, chart {self.chart!r}"

    @property
    def lifts(self) -> int:
        """Elements that a point is lifted to."""
        return 1

    @property
    def pair_size(self) -> int:
        r"""Numbers that are read of :math:`v^{-1}u`."""
        return self.log_size + (self.chart == "entries" and self.angle is not None)

    # ------------------------------------------------------------ what a group has

    @abstractmethod
    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the products of elements, first after second; batches are broadcast."""

    @abstractmethod
    def inverse(self, elements: Tensor) -> Tensor:
        """Return the inverses of elements."""

    @abstractmethod
    def log(self, elements: Tensor) -> Tensor:
        r"""Return the logarithms of elements, with angles in :math:`(-\pi, \pi]`."""

    @abstractmethod
    def exp(self, logarithms: Tensor) -> Tensor:
        """Return the elements that have these logarithms."""

    @abstractmethod
    def act(self, elements: Tensor, points: Tensor) -> Tensor:
        """Move points, ``(..., d)``; batches are broadcast."""

    @abstractmethod
    def _lifted(self, points: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Lift points that have been checked."""

    # ------------------------------------------------------------ what follows from it

    def lift(
        self, points: Tensor, *, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Lift points to elements of the group, with the labels of their orbits.

        Parameters
        ----------
        points : torch.Tensor
            Shape ``(..., n, d)``.
        generator : torch.Generator, optional
            Where chance comes from, for a group whose lift needs it (:class:`Motions`).

        Returns
        -------
        elements : torch.Tensor
            Shape ``(..., n * lifts, element_size)``: the lifts of one point stand together.
        orbits : torch.Tensor
            Shape ``(..., n * lifts, orbit_size)``.
        """
        return self._lifted(self._checked(points), generator)

    def relative(self, v: Tensor, u: Tensor) -> Tensor:
        r"""Return what is read of two elements: :math:`\log(v^{-1}u)`, or its chart's entries.

        Examples
        --------
        >>> turn = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> Rotations().relative(turn[0], turn[1])
        tensor([1.5708])
        """
        return self.read(self.multiply(self.inverse(v), u))

    def read(self, elements: Tensor) -> Tensor:
        """Return the logarithms of elements in the group's chart, ``(..., pair_size)``."""
        logarithms = self.log(elements)
        if self.chart == "log" or self.angle is None:
            return logarithms
        return self._entries(elements, logarithms)

    def _entries(self, elements: Tensor, logarithms: Tensor) -> Tensor:
        raise NotImplementedError

    def pairs(self, elements: Tensor) -> Tensor:
        r"""Return what is read of all pairs, :math:`\log(u_j^{-1} u_i)` at ``[..., i, j, :]``.

        Parameters
        ----------
        elements : torch.Tensor
            Shape ``(..., n, element_size)``.

        Returns
        -------
        torch.Tensor
            Shape ``(..., n, n, pair_size)``.
        """
        return self.relative(elements[..., None, :, :], elements[..., :, None, :])

    def random(
        self,
        number: int,
        *,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> Tensor:
        r"""Draw elements: angles uniform, shifts normal, scales :math:`e^t` with t in (-1, 1).

        Returns
        -------
        torch.Tensor
            Shape ``(number, element_size)``.

        Examples
        --------
        >>> Motions().random(5, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([5, 4])
        """
        number = check_whole(number, "The number of elements", 0)
        return self.exp(self._random_logarithms(number, generator, dtype))

    def _random_logarithms(
        self, number: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        drawn = torch.randn(number, self.log_size, generator=generator, dtype=dtype)
        if self.angle is not None:
            turn = torch.rand(number, generator=generator, dtype=dtype)
            drawn[:, self.angle] = math.pi * (1 - 2 * turn)
        return drawn

    def _checked(self, points: Tensor) -> Tensor:
        check_float(points, "The tensor of points")
        if points.ndim < 2 or points.shape[-1] != self.dimension:
            raise ValueError(
                f"{self.name} lifts points of shape (..., n, {self.dimension}), not "
                f"{tuple(points.shape)}."
            )
        return points

    def _off_centre(self, points: Tensor) -> Tensor:
        if (points == 0).all(-1).any():
            raise ValueError(
                f"A point lies at the origin, which every rotation keeps: {self.name} cannot "
                f"lift it, because no angle is its own."
            )
        return points


class Trivial(LieGroup):
    """The group that moves nothing: the label of the orbit is the point itself.

    A convolution on it reads both points as they are, and has no symmetry.

    Examples
    --------
    >>> Trivial(3).lift(torch.ones(1, 3))
    (tensor([], size=(1, 0)), tensor([[1., 1., 1.]]))
    """

    element_size = log_size = 0

    def __init__(self, dimension: int = 2, chart: Chart = "log") -> None:
        super().__init__(chart)
        self.dimension = self.orbit_size = check_whole(dimension, "The dimension")
        self.name = "trivial" if dimension == 2 else f"trivial({dimension})"

    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the only element."""
        return first + second

    def inverse(self, elements: Tensor) -> Tensor:
        """Return the only element."""
        return elements

    def log(self, elements: Tensor) -> Tensor:
        """Return no numbers."""
        return elements

    def exp(self, logarithms: Tensor) -> Tensor:
        """Return the only element."""
        return logarithms

    def act(self, elements: Tensor, points: Tensor) -> Tensor:
        """Move nothing."""
        return points + elements.sum(-1, keepdim=True)

    def _lifted(self, points: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        return points[..., :0], points


class Translations(LieGroup):
    """The translations of a space, T(d); an element is where it carries the origin.

    Examples
    --------
    >>> Translations().pairs(torch.tensor([[0.0, 0.0], [3.0, 1.0]]))[1, 0]
    tensor([3., 1.])
    """

    def __init__(self, dimension: int = 2, chart: Chart = "log") -> None:
        super().__init__(chart)
        self.dimension = self.element_size = self.log_size = check_whole(dimension, "The dimension")
        self.name = f"T({self.dimension})"

    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """Add shifts."""
        return first + second

    def inverse(self, elements: Tensor) -> Tensor:
        """Shift back."""
        return -elements

    def log(self, elements: Tensor) -> Tensor:
        """Return the shifts."""
        return elements

    def exp(self, logarithms: Tensor) -> Tensor:
        """Return the shifts."""
        return logarithms

    def act(self, elements: Tensor, points: Tensor) -> Tensor:
        """Shift points."""
        return points + elements

    def _lifted(self, points: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        return points, points[..., :0]


class Rotations(LieGroup):
    """The rotations of the plane about the origin, SO(2); orbits are circles, told by radius.

    Examples
    --------
    >>> Rotations().lift(torch.tensor([[0.0, 2.0]]))
    (tensor([[0., 1.]]), tensor([[2.]]))
    """

    name, element_size, log_size, orbit_size, angle = "SO(2)", 2, 1, 1, 0

    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """Add angles."""
        return complex_product(first, second)

    def inverse(self, elements: Tensor) -> Tensor:
        """Turn back."""
        return conjugate(elements)

    def log(self, elements: Tensor) -> Tensor:
        """Return the angle."""
        return torch.atan2(elements[..., 1], elements[..., 0])[..., None]

    def exp(self, logarithms: Tensor) -> Tensor:
        """Return cosine and sine of the angle."""
        return torch.cat([logarithms.cos(), logarithms.sin()], dim=-1)

    def act(self, elements: Tensor, points: Tensor) -> Tensor:
        """Turn points about the origin."""
        return complex_product(elements, points)

    def _entries(self, elements: Tensor, logarithms: Tensor) -> Tensor:
        return elements

    def _lifted(self, points: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        radius = torch.linalg.vector_norm(self._off_centre(points), dim=-1, keepdim=True)
        return points / radius, radius


class Similarities(LieGroup):
    r"""Rotations and scalings of the plane about the origin, R × SO(2).

    A point of the plane without the origin, read as a complex number, is the element that
    carries 1 to it. The logarithm is that of the scale, then the angle.

    Examples
    --------
    >>> group = Similarities()
    >>> group.act(group.exp(torch.tensor([0.0, torch.pi / 2])), torch.tensor([2.0, 0.0])).round()
    tensor([-0., 2.])
    """

    name, element_size, log_size, angle = "R×SO(2)", 2, 2, 1

    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """Add angles and multiply scales."""
        return complex_product(first, second)

    def inverse(self, elements: Tensor) -> Tensor:
        """Turn and scale back."""
        return conjugate(elements) / elements.square().sum(-1, keepdim=True)

    def log(self, elements: Tensor) -> Tensor:
        """Return the logarithm of the scale, and the angle."""
        scale = torch.linalg.vector_norm(elements, dim=-1).log()
        return torch.stack([scale, torch.atan2(elements[..., 1], elements[..., 0])], dim=-1)

    def exp(self, logarithms: Tensor) -> Tensor:
        """Return scale times cosine and sine."""
        scale, angle = logarithms[..., :1].exp(), logarithms[..., 1:]
        return torch.cat([scale * angle.cos(), scale * angle.sin()], dim=-1)

    def act(self, elements: Tensor, points: Tensor) -> Tensor:
        """Turn and scale points about the origin."""
        return complex_product(elements, points)

    def _entries(self, elements: Tensor, logarithms: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(elements, dim=-1, keepdim=True)
        return torch.cat([logarithms[..., :1], elements / length], dim=-1)

    def _random_logarithms(
        self, number: int, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        drawn = 1 - 2 * torch.rand(number, 2, generator=generator, dtype=dtype)
        return drawn * torch.tensor([1.0, math.pi], dtype=dtype)

    def _lifted(self, points: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        return self._off_centre(points), points[..., :0]


class Motions(LieGroup):
    r"""The rigid motions of the plane, SE(2): rotations and translations.

    An element is a frame: an angle and a place. Every angle about a point carries the origin to
    it, so the lift of a point is not one element but a circle of them, of which ``lifts`` are
    taken: equally spaced, with one angle at random for each point (as in the published code),
    or with the same angle 0 for all.

    Parameters
    ----------
    lifts : int
        Elements for each point.
    frames : {"random", "fixed"}
        Whether the first angle of a point is drawn at random or is 0.
    chart : {"log", "entries"}
        See :class:`LieGroup`. The entries are those of the matrix of :math:`v^{-1}u`.

    Examples
    --------
    >>> elements, _ = Motions(lifts=4, frames="fixed").lift(torch.tensor([[1.0, 2.0]]))
    >>> elements[1].round()
    tensor([-0., 1., 1., 2.])
    """

    name, element_size, log_size, angle = "SE(2)", 4, 3, 0

    def __init__(
        self,
        lifts: int = 1,
        frames: Literal["random", "fixed"] = "random",
        chart: Chart = "log",
    ) -> None:
        super().__init__(chart)
        self._number = check_whole(lifts, "The number of lifts")
        self.frames = check_choice(frames, "frames", ("random", "fixed"))

    @property
    def lifts(self) -> int:
        """Elements that a point is lifted to."""
        return self._number

    def multiply(self, first: Tensor, second: Tensor) -> Tensor:
        """Move by the second, then by the first."""
        turn, place = first[..., :2], first[..., 2:]
        turned = complex_product(turn, second[..., :2])
        return torch.cat([turned, place + complex_product(turn, second[..., 2:])], dim=-1)

    def inverse(self, elements: Tensor) -> Tensor:
        """Move back."""
        back = conjugate(elements[..., :2])
        return torch.cat([back, -complex_product(back, elements[..., 2:])], dim=-1)

    def relative(self, v: Tensor, u: Tensor) -> Tensor:
        r"""Return what is read of :math:`v^{-1}u`, from the difference of places.

        The difference is taken first, so that a translation changes no digit more than it must.
        """
        back = conjugate(v[..., :2])
        turn = complex_product(back, u[..., :2])
        return self.read(torch.cat([turn, complex_product(back, u[..., 2:] - v[..., 2:])], dim=-1))

    def log(self, elements: Tensor) -> Tensor:
        r"""Return the angle, and the velocity that goes to the place while turning at that rate.

        The place is :math:`V(\theta)` times the velocity, with
        :math:`V = \frac{\sin\theta}{\theta} I + \frac{1 - \cos\theta}{\theta} J`. The inverse of
        this matrix is :math:`\frac{\theta}{2}\cot\frac{\theta}{2}\, I - \frac{\theta}{2} J`.
        """
        angle = torch.atan2(elements[..., 1], elements[..., 0])[..., None]
        place = elements[..., 2:]
        velocity = half_cotangent(angle) * place - angle / 2 * quarter_turn(place)
        return torch.cat([angle, velocity], dim=-1)

    def exp(self, logarithms: Tensor) -> Tensor:
        """Return angle and place after a unit of time with this velocity."""
        angle, velocity = logarithms[..., :1], logarithms[..., 1:]
        along = sine_quotient(angle)
        across = sine_quotient(angle / 2) * (angle / 2).sin()
        place = along * velocity + across * quarter_turn(velocity)
        return torch.cat([angle.cos(), angle.sin(), place], dim=-1)

    def act(self, elements: Tensor, points: Tensor) -> Tensor:
        """Turn points about the origin, then shift them."""
        return complex_product(elements[..., :2], points) + elements[..., 2:]

    def _entries(self, elements: Tensor, logarithms: Tensor) -> Tensor:
        return elements

    def read(self, elements: Tensor) -> Tensor:
        """Return logarithms, ``(..., 3)``, or the entries, ``(..., 4)``."""
        return elements if self.chart == "entries" else self.log(elements)

    def _lifted(self, points: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        steps = torch.arange(self.lifts, dtype=points.dtype, device=points.device)
        angles = steps * (2 * math.pi / self.lifts)
        if self.frames == "random":
            # Drawn in double precision where the generator lives: the same frames for any dtype.
            place = generator.device if generator is not None else torch.device("cpu")
            drawn = torch.rand(
                *points.shape[:-1], 1, generator=generator, dtype=torch.float64, device=place
            )
            angles = angles + (2 * math.pi * drawn).to(points)
        else:
            angles = angles.expand(*points.shape[:-1], -1)
        places = points[..., None, :].expand(*angles.shape, 2)
        elements = torch.cat([torch.stack([angles.cos(), angles.sin()], dim=-1), places], dim=-1)
        flat = elements.flatten(-3, -2)
        return flat, flat[..., :0]


def complex_product(first: Tensor, second: Tensor) -> Tensor:
    """Multiply pairs of numbers, ``(..., 2)``, as complex numbers."""
    a, b = first.unbind(-1)
    c, d = second.unbind(-1)
    return torch.stack([a * c - b * d, a * d + b * c], dim=-1)


def conjugate(pairs: Tensor) -> Tensor:
    """Return complex conjugates."""
    return torch.stack([pairs[..., 0], -pairs[..., 1]], dim=-1)


def quarter_turn(vectors: Tensor) -> Tensor:
    """Turn vectors of the plane by 90 degrees."""
    return torch.stack([-vectors[..., 1], vectors[..., 0]], dim=-1)


def sine_quotient(x: Tensor) -> Tensor:
    r"""Return :math:`\sin(x)/x` with all its slopes, which ``torch.sinc`` has not near 0.

    Examples
    --------
    >>> zero = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    >>> (slope,) = torch.autograd.grad(sine_quotient(zero), zero, create_graph=True)
    >>> torch.autograd.grad(slope, zero)[0]
    tensor([-0.3333], dtype=torch.float64)
    """
    near = x.abs() < 0.05
    square = x * x
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))
    safe = torch.where(near, torch.ones_like(x), x)
    return torch.where(near, series, safe.sin() / safe)


def half_cotangent(angle: Tensor) -> Tensor:
    r"""Return :math:`\frac{\theta}{2}\cot\frac{\theta}{2}`, which is 1 at 0.

    The sine of half an angle over that half vanishes nowhere in :math:`[-\pi, \pi]`.
    """
    return (angle / 2).cos() / sine_quotient(angle / 2)
