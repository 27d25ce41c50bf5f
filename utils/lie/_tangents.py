"""Whether forward-mode differentiation sees all of a model, held against finite differences.

A model may cut the tangent on its way: ``torch.inference_mode`` and ``detach`` inside, a detour
over lists or NumPy, rounding. The derivative is then 0, or part of it is missing, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from utils.lie._checks import Model, check_outputs, forward_mode, module_of

_IMAGES, _TOLERANCE = 2, 0.02

_TRIES = ((0.1, 4.0), (0.1, 1.0), (1.0, 4.0), (0.1, 0.25), (1.0, 1.0), (1.0, 0.25))
"""How far from the images, in units of their contrast, and how long a step, in units of
eps ** (2 / 3). A network with kinks may differ from its difference at one of them, by the kinks
that the step crosses; what is cut is missing at all of them."""

_LONG, _ROUGH, _SHARP = 100.0, 0.25, 0.1
"""Where rounding might be a tenth of the slope, it may stand in for what is cut. Then a step so
long has to agree as well, but roughly, since it crosses more kinks."""

_FAR = (1.0, -1.0, 4.0, -4.0)


@dataclass(frozen=True)
class _Probe:
    """Images in general position, a direction of the size of the contrast, and a step along it."""

    images: Tensor
    direction: Tensor
    step: float

    @classmethod
    def beside(cls, images: Tensor, number: int) -> _Probe:
        """Leave the images for a point near by, where nothing is tied and nothing at a kink."""
        (far, step), images = _TRIES[number], images.detach()
        contrast = float(images.double().std(correction=0)) or float(images.abs().max()) or 1.0
        generator = torch.Generator().manual_seed(number)
        batch, channels = images.shape[:2]

        def drawn(*shape: int) -> Tensor:
            """Return normal numbers, as many on each device and in each precision."""
            return torch.randn(shape, generator=generator, dtype=torch.float64).to(images)

        near, white, even = drawn(*images.shape), drawn(*images.shape), drawn(batch, channels, 1, 1)
        probe = cls(images + far * contrast * near, contrast * (white + even), step)
        return replace(probe, step=step * probe.unit)

    @property
    def unit(self) -> float:
        """The unit of steps, where neither rounding nor curvature is large."""
        return float(torch.finfo(self.images.dtype).eps ** (2 / 3))

    def moved(self, steps: float) -> Tensor:
        """Return a new tensor, the images after some steps along the direction."""
        return self.images + steps * self.step * self.direction

    def others(self) -> list[Tensor]:
        """Return new tensors, images that are far away."""
        return [self.images + far * self.direction for far in _FAR]

    def difference(self, ahead: Tensor, here: Tensor, steps: float = 1.0) -> Tensor:
        """Return the slope between outputs some steps ahead and those here."""
        return (ahead - here).double() / (steps * self.step)

    def rounding(self, value: Tensor) -> float:
        """Return how far rounding of the outputs may move the slope over one step."""
        return 6 * torch.finfo(value.dtype).eps * float(value.double().norm()) / self.step

    def agree(self, slope: Tensor, difference: Tensor, value: Tensor, steps: float = 1.0) -> bool:
        """Tell whether a derivative and a difference are one, up to rounding."""
        a, b, c = (float(x.double().norm()) for x in (slope - difference, slope, difference))
        tolerance = _TOLERANCE if steps == 1 else _ROUGH
        return a <= tolerance * max(b, c) + self.rounding(value) / steps

    def sharp(self, slope: Tensor, value: Tensor) -> bool:
        """Tell whether rounding is too small to stand in for a slope."""
        return self.rounding(value) <= _SHARP * float(slope.double().norm())


def jvp(
    function: Callable[..., Tensor], values: tuple[Tensor, ...], tangents: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Return the value of a function and its derivative along tangents."""
    result = torch.func.jvp(function, values, tangents)
    return result[0], result[1]


def check_tangents(model: Model, images: Tensor) -> None:
    """Refuse a model that loses the tangent of its images, or a part of it, and say where.

    The derivative of the outputs for two images along one random direction is compared with a
    difference. It costs three runs on two images.
    """
    few, images = images[:_IMAGES], images.detach()
    for number in range(len(_TRIES)):
        try:
            slope, difference, agree = _compare(model, _Probe.beside(few, number))
        except (RuntimeError, ValueError, IndexError, AssertionError):
            if len(few) == len(images):
                raise
            few = images  # the model may be made for batches of this size
            slope, difference, agree = _compare(model, _Probe.beside(few, number))
        if agree:
            return
    probe = _Probe.beside(few, number)
    with torch.no_grad():
        first, second = model(probe.moved(0)), model(probe.moved(0))
    if not torch.equal(first, second):
        raise ValueError(
            "The model returns different outputs for the same images in two runs, so that it has "
            "no derivative; fix what it draws, or what it keeps from run to run."
        )
    raise ValueError(
        f"Forward-mode differentiation does not see all of the model: along a random direction "
        f"its derivative has the norm {slope:.3g}, and differences that of {difference:.3g}; "
        f"{_place(model, probe)}. Remove inference_mode, detach, rounding and detours over NumPy "
        f"or lists, or write the step in plain tensor operations. (Where a step computes in half "
        f"precision, differences are rough: pass verify=False.)"
    )


def _compare(model: Model, probe: _Probe) -> tuple[float, float, bool]:
    """Return the norms of derivative and difference, and whether the two are one."""

    def pushed(images: Tensor) -> Tensor:
        """Send the direction through the model at some images."""
        return jvp(lambda x: model(x.clone()), (images,), (probe.direction,))[1]

    with torch.no_grad(), forward_mode():
        outputs, slope = jvp(lambda x: model(x.clone()), (probe.moved(0),), (probe.direction,))
        check_outputs(outputs, probe.images)
        difference = probe.difference(model(probe.moved(1)), outputs)
        agree = probe.agree(slope, difference, outputs)
        if agree and slope.any() and not probe.sharp(slope, outputs):
            steps = _LONG * probe.unit / probe.step
            difference = probe.difference(model(probe.moved(steps)), outputs, steps)
            agree = probe.agree(slope, difference, outputs, steps)
        if agree and not slope.any():
            # What is rounded may be the same one step away. For other images it is not, with a
            # tangent of 0 there, too; what is only dead here, as a ReLU may be, has one there.
            others = [(model(x.clone()), pushed(x)) for x in probe.others()]
            moved = [value - outputs for value, slope in others if not slope.any()]
            difference = torch.stack([*moved, torch.zeros_like(outputs)]).double()
            rounding = 4 * torch.finfo(outputs.dtype).eps * float(outputs.double().norm())
            agree = float(difference.norm()) <= rounding
    # Where outputs are not finite, neither number says anything, and the caller sees the outputs.
    finite = bool(torch.isfinite(outputs).all() and torch.isfinite(difference).all())
    return float(slope.double().norm()), float(difference.norm()), agree or not finite


def _place(model: Model, probe: _Probe) -> str:
    """Name the first layer whose output lacks what the difference says."""
    owner = module_of(model)
    if owner is None:
        return "it is lost in the function that was given"

    def outputs(steps: int | None) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield layer, value and tangent of each call, in the order in which calls end."""
        found: list[tuple[str, Tensor, Tensor]] = []

        def note(name: str) -> Callable[..., None]:
            """Return a hook that notes what a layer returns."""

            def hook(_: nn.Module, __: tuple, result: object) -> None:
                """Note the name, the value and the tangent of an output."""
                tensor = getattr(result, "tensor", result)
                if isinstance(tensor, Tensor) and tensor.is_floating_point():
                    value, tangent = forward_ad.unpack_dual(tensor)
                    seen = torch.zeros_like(value) if tangent is None else tangent.clone()
                    found.append((name, value.clone(), seen))

            return hook

        handles = [
            module.register_forward_hook(note(name)) for name, module in owner.named_modules()
        ]
        try:
            with torch.no_grad(), forward_ad.dual_level():
                start = probe.moved(steps or 0)
                dual = forward_ad.make_dual(start, probe.direction.clone())
                model(dual if steps is None else start)
        finally:
            for handle in handles:
                handle.remove()
        return iter(found)

    for (name, value, slope), (_, ahead, _) in zip(outputs(None), outputs(1), strict=False):
        if name and not probe.agree(slope, probe.difference(ahead, value), value):
            return f"the first layer that returns too little is {name!r}"
    return "it is lost in the model, outside of its layers"
