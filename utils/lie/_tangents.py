"""Whether forward-mode differentiation sees all of a model, held against finite differences.

A model may cut the tangent on its way: ``torch.inference_mode`` and ``detach`` inside, a detour
over lists or NumPy, rounding. The derivative is then 0, or part of it is missing, without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from utils.lie._checks import Model, check_outputs, forward_mode, module_of

_TOLERANCE = 0.02

_ALONG, _IMAGES = 1, 2
"""How many images ride along in a run, and how many a check by itself takes."""

_SAME = 64
"""Rows are the same if they differ by less than so many units in the last place."""

_TRIES = ((0.1, 4.0), (0.1, 1.0), (1.0, 4.0), (0.1, 0.25), (1.0, 1.0), (1.0, 0.25))
"""How far from the images, in units of their contrast, and how long a step, in units of
eps ** (2 / 3). A network with kinks may differ from its difference at one of them, by the kinks
that the step crosses; what is cut is missing at all of them."""

_LONG, _ROUGH, _SHARP = 100.0, 0.25, 0.1
"""Where rounding might be a tenth of the slope, it may stand in for what is cut. Then a step so
long has to agree as well, but roughly, since it crosses more kinks."""

_FAR = (1.0, -1.0, 4.0, -4.0)

_MARGIN, _SPREAD = 0.05, 4.0
"""How far probes stay from the ends of the images' range, and how far their direction reaches,
in units of the contrast; the longest step in single precision is 0.0024 directions."""

_HALVINGS = 60

Run = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes images and tangents, of one flow or of several, to outputs and their derivatives."""


@dataclass(frozen=True)
class _Probe:
    """Images in general position, a direction of the size of the contrast, and a step along it."""

    images: Tensor
    direction: Tensor
    step: float
    ends: tuple[float, float]

    @classmethod
    def beside(cls, images: Tensor, number: int, count: int) -> _Probe:
        """Leave the first images for a point near by, where nothing is tied and nothing at a kink.

        Everything stays between the darkest and the brightest pixel of all images, since a model
        may check its input, unless they are all one value.
        """
        (far, step), images = _TRIES[number], images.detach()
        low, high = (float(end) for end in images.aminmax())
        few = images[:count]
        contrast = float(few.double().std(correction=0))
        contrast = contrast or float(images.std(correction=0)) or max(-low, high) or 1.0
        inside = _MARGIN * contrast if low < high else -10 * contrast
        ends = (low + inside, high - inside)
        generator = torch.Generator().manual_seed(number)
        shape = (2, *few.shape)
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64).to(few)
        even = torch.randn((*few.shape[:2], 1, 1), generator=generator, dtype=torch.float64)
        direction = contrast * (drawn[1] + even.to(few)).clamp(-_SPREAD, _SPREAD)
        near = _reflected(few + far * contrast * drawn[0], ends)
        return cls(near, direction, step * float(torch.finfo(few.dtype).eps ** (2 / 3)), ends)

    @property
    def unit(self) -> float:
        """The unit of steps, where neither rounding nor curvature is large."""
        return float(torch.finfo(self.images.dtype).eps ** (2 / 3))

    def moved(self, steps: float) -> Tensor:
        """Return a new tensor, the images after some steps along the direction."""
        return self.images + steps * self.step * self.direction

    def others(self) -> list[Tensor]:
        """Return new tensors, images that are far away."""
        return [_reflected(self.images + far * self.direction, self.ends) for far in _FAR]

    def difference(self, ahead: Tensor, here: Tensor, steps: float = 1.0) -> Tensor:
        """Return the slope between outputs some steps ahead and those here."""
        return (ahead - here).double() / (steps * self.step)

    def rounding(self, value: Tensor) -> float:
        """Return how far rounding of the outputs may move the slope over one step."""
        return 6 * torch.finfo(value.dtype).eps * _norm(value) / self.step

    def agree(self, slope: Tensor, difference: Tensor, value: Tensor, steps: float = 1.0) -> bool:
        """Tell whether a derivative and a difference are one, up to rounding."""
        a, b, c = _norm(slope - difference), _norm(slope), _norm(difference)
        tolerance = _TOLERANCE if steps == 1 else _ROUGH
        return a <= tolerance * max(b, c) + self.rounding(value) / steps

    def sharp(self, slope: Tensor, value: Tensor, steps: float = 1.0) -> bool:
        """Tell whether rounding is too small to stand in for a slope."""
        return self.rounding(value) / steps <= _SHARP * _norm(slope)

    @property
    def long(self) -> float:
        """The number of steps in a long one."""
        return _LONG * self.unit / self.step

    def fits(self, slope: Tensor, here: Tensor, ahead: Tensor, later: Callable[[], Tensor]) -> bool:
        """Tell whether a derivative is what a step says and, where that is rough, a long one."""
        if not self.agree(slope, self.difference(ahead, here), here):
            return False
        if self.sharp(slope, here) or not slope.any():
            return True
        return self.agree(slope, self.difference(later(), here, self.long), here, self.long)


def _norm(values: Tensor) -> float:
    return float(torch.linalg.vector_norm(values, dtype=torch.float64))


def _reflected(images: Tensor, ends: tuple[float, float]) -> Tensor:
    """Return images whose values are thrown back into an interval, as by mirrors at its ends."""
    low, width = ends[0], ends[1] - ends[0]
    there = (images - low).remainder(2 * width)
    return low + torch.minimum(there, 2 * width - there)


def jvp(
    function: Callable[..., Tensor], values: tuple[Tensor, ...], tangents: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Return the value of a function and its derivative along tangents."""
    result = torch.func.jvp(function, values, tangents)
    return result[0], result[1]


def verified(model: Model, images: Tensor, tangents: Tensor, run: Run) -> tuple[Tensor, Tensor]:
    """Return what a run returns, of a model that is refused if it loses tangents.

    The images that are tried ride along in the run, which costs hardly more. If they, in company,
    give the value and the derivative that they give alone, no image looks at another and nothing is
    lost. Wherever there is doubt, the model is checked by itself, and runs on the images alone.
    """
    few, flows = images[:_ALONG], tangents.shape[: tangents.ndim - images.ndim]
    probe, count = _Probe.beside(images, 0, len(few)), len(images)
    settled = False
    try:
        alone = torch.cat([probe.moved(steps) for steps in (0, 1, probe.long)])
        with torch.no_grad():
            values = model(alone)
        check_outputs(values, alone)
        outputs, derivatives = run(
            torch.cat([images, probe.images]),
            torch.cat([tangents, probe.direction.expand(*flows, *few.shape)], dim=len(flows)),
        )
        settled = _rode_along(probe, values, outputs[count:], derivatives.flatten(0, len(flows)))
    except Exception:  # a model for batches of this size; what else is wrong, is wrong again below
        pass
    if settled:
        return outputs[:count].clone(), derivatives.narrow(len(flows), 0, count)
    check_tangents(model, images)
    return run(images, tangents)


def _rode_along(probe: _Probe, values: Tensor, company: Tensor, derivatives: Tensor) -> bool:
    """Tell whether rows at the end of a run are what the model does with them alone."""
    slope, (here, ahead, later) = derivatives[-len(company) :], values.chunk(3)
    apart = _norm(company - here)
    rounding = _SAME * torch.finfo(here.dtype).eps * _norm(here)
    return (
        bool(slope.any())
        and apart <= rounding
        and probe.sharp(slope, here, probe.long)
        and probe.fits(slope, here, ahead, lambda: later)
    )


def check_tangents(model: Model, images: Tensor) -> None:
    """Refuse a model that loses the tangent of its images, or a part of it, and say where.

    The derivative of the outputs for two images along one random direction is compared with a
    difference. It costs three runs on two images.
    """
    count, images = min(_IMAGES, len(images)), images.detach()
    for number in range(len(_TRIES)):
        probe = _Probe.beside(images, number, count)
        try:
            slope, difference, agree = _compare(model, probe)
        except (RuntimeError, ValueError, IndexError, AssertionError):
            if count == len(images):
                raise
            count = len(images)  # the model may be made for batches of this size
            probe = _Probe.beside(images, number, count)
            slope, difference, agree = _compare(model, probe)
        if agree:
            return
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

    with torch.no_grad(), forward_mode(model):
        outputs, slope = jvp(lambda x: model(x.clone()), (probe.moved(0),), (probe.direction,))
        check_outputs(outputs, probe.images)
        ahead = model(probe.moved(1))
        difference = probe.difference(ahead, outputs)
        agree = probe.fits(slope, outputs, ahead, lambda: model(probe.moved(probe.long)))
        if agree and not slope.any():
            # What is rounded may be the same one step away. For other images it is not, with a
            # tangent of 0 there, too; what is only dead here, as a ReLU may be, has one there.
            others = [(x, model(x.clone())) for x in probe.others() if not pushed(x).any()]
            moved = [torch.zeros_like(outputs), *(value - outputs for _, value in others)]
            difference = torch.stack(moved).double()
            rounding = 4 * torch.finfo(outputs.dtype).eps * _norm(outputs)
            agree = _norm(difference) <= rounding or _steep(model, probe, outputs, others)
    # Where outputs are not finite, neither number says anything, and the caller sees the outputs.
    finite = bool(torch.isfinite(outputs).all() and torch.isfinite(difference).all())
    return _norm(slope), _norm(difference), agree or not finite


def _steep(
    model: Model, probe: _Probe, outputs: Tensor, others: list[tuple[Tensor, Tensor]]
) -> bool:
    """Tell whether outputs that differ without a slope are those of a saturated network.

    On the way from one to the other the steepest place is looked for, where they cross the middle.
    A sigmoid has a slope there, a decision has none.
    """
    images, values = max(others, key=lambda other: float((other[1] - outputs).abs().max()))
    place = int((values - outputs).abs().argmax())
    start, end = (float(value.flatten()[place]) for value in (outputs, values))
    way, low, high = images - probe.images, 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        at = probe.images + middle * way
        value, slope = jvp(lambda x: model(x.clone()), (at,), (way,))
        if slope.flatten()[place] != 0:
            return True
        nearer = abs(float(value.flatten()[place]) - start) < abs(end - start) / 2
        low, high = (middle, high) if nearer else (low, middle)
    return False


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
