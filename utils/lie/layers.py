r"""What each layer of a network contributes to its Lie derivative, exactly and with signs.

The Lie derivative of :mod:`utils.lie.derivative` obeys the chain rule,
:math:`\mathcal{L}(h \circ f) = J_h\, \mathcal{L} f + (\mathcal{L} h) \circ f`. So each layer adds
its own Lie derivative, carried to the output by the layers after it, and
:func:`layerwise_lie_derivative` returns these contributions with their signs. Their sum is the
Lie derivative of the network if, and only if, what is declared about the layers fits together,
and that is checked.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules.dropout import _DropoutNd

from utils.generators import FeatureRepresentation, Generator, Image
from utils.lie.derivative import (
    TRIVIAL,
    acted,
    check_arguments,
    check_representation,
    forward_mode,
    jvp,
    lie_derivative,
)

__all__ = ["LayerwiseLieDerivative", "TelescopingError", "layerwise_lie_derivative"]

_ROUNDING = 100
"""A gap of so many units in the last place of the outputs is rounding, however small the
contributions are; without this, no network that is equivariant would pass."""


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
        The largest relative gap that passes. What is rounding of the outputs passes, too.
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
    check_arguments(model, images, [generator], output)
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"Layers have names in a torch.nn.Module only, but the model is a "
            f"{type(model).__name__}."
        )
    if not tolerance > 0:
        raise ValueError(f"The tolerance is positive, but it is {tolerance!r}.")
    if method not in (None, "forward", "reverse"):
        raise ValueError(f"method is 'forward', 'reverse' or None, but it is {method!r}.")
    declared = _declared(model, leaves)
    outputs, end_to_end = lie_derivative(model, images, generator, output)
    visits = _measure(model, images, generator, declared)[:-1]
    whole = all(len(visit.own) == len(images) for visit in visits)
    if method is None:
        fewer = outputs[0].numel() < len(declared)
        method = "reverse" if whole and fewer else "forward"
    if method == "forward":
        contributions = {
            name: _push(model, images, declared, {v.key: v.own for v in visits if v.leaf == name})
            for name in declared
        }
    elif whole:
        contributions = _pull(model, images, declared, {v.key: v.own for v in visits})
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
        layer, reason = _diagnose(model, images, generator, declared, output, tolerance)
        raise TelescopingError(
            f"The contributions of the layers miss the Lie derivative of the network by "
            f"{relative_gap:.2g} of its size. {reason}",
            layer,
        )
    return LayerwiseLieDerivative(outputs, end_to_end, contributions, gap, relative_gap)


# --------------------------------------------------------------------------------------------
# Declarations
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Leaf:
    module: nn.Module
    inputs: tuple[FeatureRepresentation, ...]
    output: FeatureRepresentation


def _declared(
    model: nn.Module,
    leaves: Mapping[str, FeatureRepresentation | Sequence[FeatureRepresentation]],
) -> dict[str, _Leaf]:
    if not isinstance(leaves, Mapping) or not leaves:
        raise ValueError(
            "leaves must map the names of at least one layer to representations, but there are "
            "none."
        )
    modules = dict(model.named_modules(remove_duplicate=False))
    declared: dict[str, _Leaf] = {}
    for name, value in leaves.items():
        if name not in modules:
            raise ValueError(
                f"The model has no layer {name!r}; its layers are "
                f"{', '.join(repr(known) for known in modules if known)}."
            )
        kinds = (value, value) if isinstance(value, FeatureRepresentation) else tuple(value)
        for kind in kinds:
            check_representation(kind, f"An entry of leaf {name!r}")
        if len(kinds) < 2:
            raise ValueError(
                f"Leaf {name!r} needs one representation, or one for each input and one for the "
                f"output, but a sequence of {len(kinds)} was given."
            )
        declared[name] = _Leaf(modules[name], kinds[:-1], kinds[-1])
    for name, leaf in declared.items():
        for other, inner in declared.items():
            if other != name and any(part is inner.module for part in leaf.module.modules()):
                raise ValueError(
                    f"Leaf {other!r} lies inside leaf {name!r} or is the same layer; declare only "
                    f"one of them."
                )
    return declared


# --------------------------------------------------------------------------------------------
# Runs of the network that stop at the leaves
# --------------------------------------------------------------------------------------------

_Key = tuple[str, int]
"""The name of a leaf, and which of its calls."""

_OUTPUT: _Key = ("output", -1)
"""The end of the network, which is entered like a leaf and never left."""


@dataclass(frozen=True)
class _Visit:
    """One call of a leaf: its own Lie derivative, and what led to it."""

    key: _Key
    own: Tensor
    output: Tensor | None
    undeclared: tuple[str, ...]

    @property
    def leaf(self) -> str:
        """The name of the leaf."""
        return self.key[0]


_AtInput = Callable[[_Key, list[Tensor]], None]
_AtOutput = Callable[[_Key, Callable[..., Tensor], Tensor], Tensor | None]


@contextlib.contextmanager
def _watched(
    leaves: Mapping[str, _Leaf], at_output: _AtOutput, at_input: _AtInput | None = None
) -> Iterator[None]:
    """Call a function where a leaf is entered, and one where it is left.

    The first gets the inputs of the leaf. The second gets a function that runs the leaf on other
    inputs, and its output, which it may replace.
    """
    calls = dict.fromkeys(leaves, 0)
    rerunning = False

    def enter(name: str, args: tuple, kwargs: dict) -> None:
        """Hand on the inputs of a leaf."""
        if at_input is not None and not rerunning:
            at_input((name, calls[name]), _tensors((args, kwargs)))

    def leave(name: str, args: tuple, kwargs: dict, result: object) -> object:
        """Hand on the output of a leaf, and count its calls."""
        nonlocal rerunning
        if rerunning:
            return None

        def rerun(*tensors: Tensor) -> Tensor:
            """Run the leaf again, on other inputs."""
            given, named = _replaced((args, kwargs), iter(tensors))
            return _single(leaves[name].module(*given, **named), name)

        key = (name, calls[name])
        calls[name] += 1
        rerunning = True
        try:
            replacement = at_output(key, rerun, _single(result, name))
        finally:
            rerunning = False
        return None if replacement is None else _replaced(result, iter([replacement]))

    with contextlib.ExitStack() as stack:
        for name, leaf in leaves.items():
            before, after = functools.partial(enter, name), functools.partial(leave, name)
            for hook in (
                leaf.module.register_forward_pre_hook(
                    lambda _, args, kwargs, before=before: before(args, kwargs), with_kwargs=True
                ),
                leaf.module.register_forward_hook(
                    lambda _, args, kwargs, result, after=after: after(args, kwargs, result),
                    with_kwargs=True,
                ),
            ):
                stack.callback(hook.remove)
        yield


def _tensors(value: Any) -> list[Tensor]:
    """List the floating-point tensors in arguments, a field of e2cnn counting as its tensor."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, tuple | list):
        return [tensor for entry in value for tensor in _tensors(entry)]
    if isinstance(value, dict):
        return [tensor for entry in value.values() for tensor in _tensors(entry)]
    return _tensors(value.tensor) if _is_field(value) else []


def _replaced(value: Any, tensors: Iterator[Tensor]) -> Any:
    """Return the same structure with other tensors."""
    if isinstance(value, Tensor):
        return next(tensors) if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(_replaced(entry, tensors) for entry in value)
    if isinstance(value, dict):
        return {name: _replaced(entry, tensors) for name, entry in value.items()}
    return type(value)(_replaced(value.tensor, tensors), value.type) if _is_field(value) else value


def _is_field(value: Any) -> bool:
    return isinstance(getattr(value, "tensor", None), Tensor) and hasattr(value, "type")


def _single(result: object, name: str) -> Tensor:
    found = _tensors(result)
    if len(found) != 1:
        raise ValueError(
            f"A leaf returns one floating-point tensor, but {name!r} returns {len(found)}; declare "
            f"the layers inside it or wrap it."
        )
    return found[0]


def _measure(
    model: nn.Module,
    images: Tensor,
    generator: Generator,
    leaves: Mapping[str, _Leaf],
    *,
    keep: bool = False,
) -> list[_Visit]:
    """Return the Lie derivative of each leaf by itself, in the order of the calls."""
    visits: list[_Visit] = []
    entered: dict[_Key, list[Tensor]] = {}
    undeclared: list[str] = []

    def at_input(key: _Key, tensors: list[Tensor]) -> None:
        """Keep the inputs of a leaf."""
        # Copies, since the layer may work in place.
        entered[key] = [tensor.clone() for tensor in tensors]

    def at_output(key: _Key, rerun: Callable[..., Tensor], result: Tensor) -> None:
        """Measure the Lie derivative of a leaf by itself."""
        name, leaf = key[0], leaves[key[0]]
        tensors = entered.pop(key)
        if len(tensors) != len(leaf.inputs):
            raise ValueError(
                f"Leaf {name!r} is declared with {len(leaf.inputs)} inputs, but it gets "
                f"{len(tensors)} tensors."
            )
        place = f"the input of leaf {name!r}"
        tangents = [
            acted(kind, generator, tensor, images, place)
            for kind, tensor in zip(leaf.inputs, tensors, strict=True)
        ]
        with forward_mode():
            value, pushed = jvp(rerun, tuple(tensors), tuple(tangents))
        meant = acted(leaf.output, generator, value, images, f"the output of leaf {name!r}")
        visits.append(_Visit(key, pushed - meant, value if keep else None, tuple(undeclared)))
        undeclared.clear()

    with torch.no_grad(), contextlib.ExitStack() as stack:
        for name, module in _outside(model, leaves).items():
            hook = module.register_forward_hook(lambda *_, name=name: undeclared.append(name))
            stack.callback(hook.remove)
        stack.enter_context(_watched(leaves, at_output, at_input))
        model(images)
    called = {visit.leaf for visit in visits}
    for name in leaves:
        if name not in called:
            raise ValueError(
                f"Leaf {name!r} is not called when the model runs; remove it from the leaves."
            )
    # What runs after the last leaf leads to the output.
    end = torch.empty(0)
    return [*visits, _Visit(_OUTPUT, end, None, tuple(undeclared))]


def _outside(model: nn.Module, leaves: Mapping[str, _Leaf]) -> dict[str, nn.Module]:
    """Return the largest layers that neither hold a leaf nor lie inside one."""
    inside = {part for leaf in leaves.values() for part in leaf.module.modules()}
    holders = {""}
    for name in leaves:
        parts = name.split(".")
        holders |= {".".join(parts[:count]) for count in range(len(parts))}
    return {
        name: module
        for name, module in model.named_modules()
        if name not in holders and name.rpartition(".")[0] in holders and module not in inside
    }


def _push(
    model: nn.Module,
    images: Tensor,
    leaves: Mapping[str, _Leaf],
    own: Mapping[_Key, Tensor],
    tangent: Tensor | None = None,
    at_input: _AtInput | None = None,
) -> Tensor:
    """Run the network with tangents that enter at the images and at the outputs of leaves."""

    def at_output(key: _Key, rerun: Callable[..., Tensor], result: Tensor) -> Tensor | None:
        """Add what a leaf contributes to the tangent that leaves it."""
        if key not in own:
            return None
        value, arriving = forward_ad.unpack_dual(result)
        # A copy, since the next layer may work in place.
        leaving = own[key].clone() if arriving is None else arriving + own[key]
        return forward_ad.make_dual(value, leaving)

    with torch.no_grad(), forward_ad.dual_level(), forward_mode():
        entering = images if tangent is None else forward_ad.make_dual(images, tangent)
        with _watched(leaves, at_output, at_input):
            outputs = model(entering)
        if at_input is not None:
            at_input(_OUTPUT, [outputs])
        value, arriving = forward_ad.unpack_dual(outputs)
        return torch.zeros_like(value) if arriving is None else arriving.clone()


def _pull(
    model: nn.Module, images: Tensor, leaves: Mapping[str, _Leaf], own: Mapping[_Key, Tensor]
) -> dict[str, Tensor]:
    """Return the contributions by differentiating outputs by probes that are added to leaves."""
    probes: dict[_Key, Tensor] = {}

    def at_output(key: _Key, rerun: Callable[..., Tensor], result: Tensor) -> Tensor:
        """Add a zero to the output of a leaf, for the gradient there."""
        probes[key] = torch.zeros_like(result, requires_grad=True)
        return result + probes[key]

    with torch.enable_grad(), _watched(leaves, at_output):
        outputs = model(images)
    components = outputs.flatten(1)
    contributions = {name: torch.zeros_like(components) for name in leaves}
    if outputs.requires_grad:
        for k in range(components.shape[1]):
            slopes = torch.autograd.grad(
                components[:, k].sum(), list(probes.values()), retain_graph=True, allow_unused=True
            )
            for key, slope in zip(probes, slopes, strict=True):
                if slope is not None:
                    products = (slope * own[key]).reshape(len(images), -1)
                    contributions[key[0]][:, k] += products.sum(dim=1)
    return {name: value.reshape(outputs.shape) for name, value in contributions.items()}


# --------------------------------------------------------------------------------------------
# Which declaration is wrong
# --------------------------------------------------------------------------------------------

_INNOCENT = (nn.Flatten, nn.Unflatten, nn.Identity, _DropoutNd)
"""Layers that commute with everything, or only change a layout."""


class _Books:
    r"""What arrives at the leaves, held against what should arrive by the declarations.

    At an input :math:`z` that is declared with a generator :math:`X`, the tangent
    :math:`\dot z` of the moved image minus :math:`X z` is what went wrong on the way. It must
    equal the sum of what the leaves before it did wrong, carried there.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        generator: Generator,
        leaves: Mapping[str, _Leaf],
        output: FeatureRepresentation,
    ) -> None:
        self.images, self.generator, self.leaves, self.output = images, generator, leaves, output
        self.model = model
        self.arriving = self._run({}, generator(images))
        self.order = list(self.arriving)

    def _run(
        self, own: Mapping[_Key, Tensor], tangent: Tensor | None = None
    ) -> dict[_Key, list[tuple[Tensor, Tensor]]]:
        """Return values and tangents where leaves are entered."""
        found: dict[_Key, list[tuple[Tensor, Tensor]]] = {}

        def at_input(key: _Key, tensors: list[Tensor]) -> None:
            """Keep values and tangents of the inputs of a leaf."""
            pairs = [forward_ad.unpack_dual(tensor) for tensor in tensors]
            found[key] = [
                (value.clone(), torch.zeros_like(value) if moved is None else moved.clone())
                for value, moved in pairs
            ]

        _push(self.model, self.images, self.leaves, own, tangent, at_input)
        return found

    def inputs(self, key: _Key) -> tuple[FeatureRepresentation, ...]:
        """Return how the inputs of a leaf, or the outputs of the network, are declared."""
        return (self.output,) if key == _OUTPUT else self.leaves[key[0]].inputs

    def accumulated(self, own: Mapping[_Key, Tensor]) -> dict[_Key, list[Tensor]]:
        """Return what the leaves did wrong, carried to the inputs of the others."""
        return {key: [moved for _, moved in pairs] for key, pairs in self._run(own).items()}

    def missing(
        self, key: _Key, number: int, kind: FeatureRepresentation, carried: Tensor
    ) -> float:
        """Return which share of a tangent the declarations leave unexplained."""
        value, moved = self.arriving[key][number]
        meant = acted(kind, self.generator, value, self.images, "the diagnosis")
        size = float(moved.norm() + meant.norm() + carried.norm())
        return float((moved - meant - carried).norm()) / size if size else 0.0

    def broken(
        self, carried: Mapping[_Key, list[Tensor]], tolerance: float
    ) -> tuple[_Key, int] | None:
        """Return the first input at which the books do not balance."""
        for key in self.order:
            for number, kind in enumerate(self.inputs(key)):
                if not self.missing(key, number, kind, carried[key][number]) <= tolerance:
                    return key, number
        return None


def _diagnose(
    model: nn.Module,
    images: Tensor,
    generator: Generator,
    leaves: Mapping[str, _Leaf],
    output: FeatureRepresentation,
    tolerance: float,
) -> tuple[str, str]:
    """Return the name of the layer whose declaration is wrong, and a sentence about it."""
    books = _Books(model, images, generator, leaves, output)
    visits = {visit.key: visit for visit in _measure(model, images, generator, leaves, keep=True)}
    own = {key: visit.own for key, visit in visits.items() if key != _OUTPUT}
    carried = books.accumulated(own)
    found = books.broken(carried, tolerance)
    if found is None:
        return _OUTPUT[0], "No single layer stands out; raise the tolerance or use float64."
    key, number = found
    asked = books.inputs(key)[number]
    position = books.order.index(key)
    earlier = books.order[:position]

    def mended(changed: Mapping[_Key, Tensor]) -> bool:
        """Tell whether the books balance up to this leaf with other contributions."""
        again = books.broken(books.accumulated(changed), tolerance)
        return again is None or books.order.index(again[0]) > position

    # Could the leaf take what another leaf is declared to return, or the image itself?
    offered = [leaves[k[0]].output for k in reversed(earlier)]
    taken = None
    for kind in dict.fromkeys([*offered, Image()]):
        if kind != asked and _fitting(books, found, kind, carried[key][number]) <= tolerance:
            taken = kind
            break
    # Could a leaf before it return what it is declared to take? If both could, the layer before
    # is the judge: the right declaration is the one that makes it more nearly equivariant.
    for name in dict.fromkeys(k[0] for k in reversed(earlier)):
        if leaves[name].output == asked:
            continue
        changed = dict(own)
        try:
            for k in earlier:
                if k[0] == name:
                    before, after = (
                        acted(kind, generator, cast(Tensor, visits[k].output), images, name)
                        for kind in (leaves[name].output, asked)
                    )
                    changed[k] = own[k] + before - after
        except ValueError:  # its output is of another shape
            continue
        smaller = sum(float(changed[k].norm() - own[k].norm()) for k in earlier) < 0
        if (taken is None or smaller) and mended(changed):
            return name, (
                f"Layer {name!r} is declared to return {leaves[name].output}, but what it returns "
                f"moves as {asked}, as which {_place(key)} takes it."
            )
    if taken is not None:
        return key[0], (f"What {_place(key)} gets is declared as {asked}, but moves as {taken}.")
    # Could a layer that is not declared be what comes between?
    modules = dict(model.named_modules())
    suspects = [n for n in visits[key].undeclared if not isinstance(modules[n], _INNOCENT)]
    kinds = dict.fromkeys([*(offered[:1] or [Image()]), asked])
    for name in suspects:
        for first, second in itertools.product(kinds, kinds):
            more = {**leaves, name: _Leaf(modules[name], (first,), second)}
            try:
                measured = _measure(model, images, generator, more)[:-1]
            except ValueError:  # made for another shape
                continue
            books.leaves = more
            good = mended({visit.key: visit.own for visit in measured})
            books.leaves = leaves
            if good:
                return name, (
                    f"Layer {name!r} is not declared as a leaf, and does not commute with the "
                    f"transformation."
                )
    if suspects:
        listed = ", ".join(map(repr, suspects))
        return suspects[0], (
            f"Before {_place(key)} runs {listed}, which is not declared as a leaf, and something "
            f"there does not commute with the transformation."
        )
    return key[0], (
        f"What {_place(key)} gets does not move as {asked}: either that is the wrong declaration, "
        f"or a step before it, outside of all leaves, does not commute with the transformation."
    )


def _fitting(
    books: _Books, place: tuple[_Key, int], kind: FeatureRepresentation, carried: Tensor
) -> float:
    """Return what stays unexplained if an input is of another kind."""
    try:
        return books.missing(*place, kind, carried)
    except ValueError:  # made for another shape
        return math.inf


def _place(key: _Key) -> str:
    return "whoever reads the output of the network" if key == _OUTPUT else f"layer {key[0]!r}"
