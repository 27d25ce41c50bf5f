"""Runs of a network that stop at its leaves: what each does, and what the rest makes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from utils.generators import FeatureRepresentation, Generator
from utils.lie._checks import check_representation, forward_mode
from utils.lie._tangents import jvp
from utils.lie.derivative import acted

Key = tuple[str, int]
"""The name of a leaf, and which of its calls."""

OUTPUT: Key = ("output", -1)
"""The end of the network, which is entered like a leaf and never left."""

Declared = Mapping[str, FeatureRepresentation | Sequence[FeatureRepresentation]]
AtInput = Callable[[Key, list[Tensor]], None]
AtOutput = Callable[[Key, Callable[..., Tensor], Tensor], Tensor | None]


@dataclass(frozen=True)
class Leaf:
    """A layer with the representations of its inputs and of its output."""

    module: nn.Module
    inputs: tuple[FeatureRepresentation, ...]
    output: FeatureRepresentation


@dataclass(frozen=True)
class Visit:
    """One call of a leaf: its own Lie derivative, its output if kept, and what led to it."""

    key: Key
    own: Tensor
    value: Tensor
    undeclared: tuple[str, ...]


def declared_leaves(model: nn.Module, leaves: Declared) -> dict[str, Leaf]:
    """Look up the leaves and check that each is declared once, with an output."""
    if not isinstance(leaves, Mapping) or not leaves:
        raise ValueError(
            "leaves must map the names of at least one layer to representations, but there are "
            "none."
        )
    modules = dict(model.named_modules(remove_duplicate=False))
    declared: dict[str, Leaf] = {}
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
        declared[name] = Leaf(modules[name], kinds[:-1], kinds[-1])
    for name, leaf in declared.items():
        for other, inner in declared.items():
            if other != name and any(part is inner.module for part in leaf.module.modules()):
                raise ValueError(
                    f"Leaf {other!r} lies inside leaf {name!r} or is the same layer; declare only "
                    f"one of them."
                )
    return declared


@dataclass(frozen=True)
class Network:
    """A network on images that move, with its leaves."""

    model: nn.Module
    images: Tensor
    generator: Generator
    leaves: Mapping[str, Leaf]
    output: FeatureRepresentation

    def acted(self, kind: FeatureRepresentation, features: Tensor, place: str) -> Tensor:
        """Return what the generator does to features, and say where if they do not fit."""
        return acted(kind, self.generator, features, self.images, place)

    @contextlib.contextmanager
    def watched(self, at_output: AtOutput, at_input: AtInput | None = None) -> Iterator[None]:
        """Call a function where a leaf is entered, and one where it is left.

        The first gets the inputs of the leaf. The second gets a function that runs the leaf on
        other inputs, and its output, which it may replace.
        """
        calls = dict.fromkeys(self.leaves, 0)
        rerunning = False

        def enter(name: str, args: tuple, kwargs: dict) -> None:
            """Report the input of a named module."""
            if at_input is not None and not rerunning:
                at_input((name, calls[name]), _tensors((args, kwargs)))

        def leave(name: str, args: tuple, kwargs: dict, result: object) -> object:
            """Report the output of a named module, and return what stands in for it."""
            nonlocal rerunning
            if rerunning:
                return None

            def rerun(*tensors: Tensor) -> Tensor:
                """Run the module again on other tensors."""
                other = iter(tensors)
                given, named = _mapped((args, kwargs), lambda _: next(other))
                return _single(self.leaves[name].module(*given, **named), name)

            key = (name, calls[name])
            calls[name] += 1
            rerunning = True
            try:
                replacement = at_output(key, rerun, _single(result, name))
            finally:
                rerunning = False
            return None if replacement is None else _mapped(result, lambda _: replacement)

        with contextlib.ExitStack() as stack:
            for name, leaf in self.leaves.items():
                before = leaf.module.register_forward_pre_hook(
                    lambda _, *given, name=name: enter(name, *given), with_kwargs=True
                )
                after = leaf.module.register_forward_hook(
                    lambda _, *given, name=name: leave(name, *given), with_kwargs=True
                )
                stack.callback(before.remove)
                stack.callback(after.remove)
            yield

    def measure(self, *, keep: bool = False) -> list[Visit]:
        """Return the Lie derivative of each leaf by itself, in the order of the calls."""
        visits: list[Visit] = []
        entered: dict[Key, list[Tensor]] = {}
        undeclared: list[str] = []

        def at_input(key: Key, tensors: list[Tensor]) -> None:
            """Keep copies of the inputs of a leaf, since the layer may work in place."""
            entered[key] = [tensor.clone() for tensor in tensors]

        def at_output(key: Key, rerun: Callable[..., Tensor], result: Tensor) -> None:
            """Look at what comes out of a step."""
            name, leaf = key[0], self.leaves[key[0]]
            tensors = entered.pop(key)
            if len(tensors) != len(leaf.inputs):
                raise ValueError(
                    f"Leaf {name!r} is declared with {len(leaf.inputs)} inputs, but it gets "
                    f"{len(tensors)} tensors."
                )
            tangents = tuple(
                self.acted(kind, tensor, f"the input of leaf {name!r}")
                for kind, tensor in zip(leaf.inputs, tensors, strict=True)
            )
            with forward_mode():
                value, pushed = jvp(rerun, tuple(tensors), tangents)
            meant = self.acted(leaf.output, value, f"the output of leaf {name!r}")
            visits.append(
                Visit(key, pushed - meant, value if keep else torch.empty(0), tuple(undeclared))
            )
            undeclared.clear()

        with torch.no_grad(), contextlib.ExitStack() as stack:
            for name, module in self._outside().items():
                hook = module.register_forward_hook(lambda *_, name=name: undeclared.append(name))
                stack.callback(hook.remove)
            stack.enter_context(self.watched(at_output, at_input))
            self.model(self.images.clone())
        called = {visit.key[0] for visit in visits}
        for name in self.leaves:
            if name not in called:
                raise ValueError(
                    f"Leaf {name!r} is not called when the model runs; remove it from the leaves."
                )
        # What runs after the last leaf leads to the output.
        return [*visits, Visit(OUTPUT, torch.empty(0), torch.empty(0), tuple(undeclared))]

    def _outside(self) -> dict[str, nn.Module]:
        """Return the largest layers that neither hold a leaf nor lie inside one."""
        inside = {part for leaf in self.leaves.values() for part in leaf.module.modules()}
        holders = {""}
        for name in self.leaves:
            parts = name.split(".")
            holders |= {".".join(parts[:count]) for count in range(len(parts))}
        return {
            name: module
            for name, module in self.model.named_modules()
            if name not in holders and name.rpartition(".")[0] in holders and module not in inside
        }

    def push(
        self,
        own: Mapping[Key, Tensor],
        tangent: Tensor | None = None,
        at_input: AtInput | None = None,
    ) -> Tensor:
        """Run the network with tangents that enter at the images and at the outputs of leaves."""

        def at_output(key: Key, rerun: Callable[..., Tensor], result: Tensor) -> Tensor | None:
            """Add what a leaf contributes to the tangent that leaves it."""
            if key not in own:
                return None
            value, arriving = forward_ad.unpack_dual(result)
            # A copy, since the next layer may work in place.
            leaving = own[key].clone() if arriving is None else arriving + own[key]
            return forward_ad.make_dual(value, leaving)

        with torch.no_grad(), forward_ad.dual_level(), forward_mode():
            images = self.images.clone()
            entering = images if tangent is None else forward_ad.make_dual(images, tangent.clone())
            with self.watched(at_output, at_input):
                outputs = self.model(entering)
            if at_input is not None:
                at_input(OUTPUT, [outputs])
            value, arriving = forward_ad.unpack_dual(outputs)
            return torch.zeros_like(value) if arriving is None else arriving.clone()

    def pull(self, own: Mapping[Key, Tensor]) -> dict[str, Tensor]:
        """Return the contributions by differentiating outputs by probes added to leaves."""
        probes: dict[Key, Tensor] = {}

        def at_output(key: Key, rerun: Callable[..., Tensor], result: Tensor) -> Tensor:
            """Add a zero to the output of a leaf, for the gradient there."""
            probes[key] = torch.zeros_like(result, requires_grad=True)
            return result + probes[key]

        with torch.enable_grad(), self.watched(at_output):
            outputs = self.model(self.images.clone())
        components = outputs.flatten(1)
        contributions = {name: torch.zeros_like(components) for name in self.leaves}
        for k in range(components.shape[1] if outputs.requires_grad else 0):
            slopes = torch.autograd.grad(
                components[:, k].sum(), list(probes.values()), retain_graph=True, allow_unused=True
            )
            for key, slope in zip(probes, slopes, strict=True):
                if slope is not None:
                    products = (slope * own[key]).reshape(len(outputs), -1)
                    contributions[key[0]][:, k] += products.sum(dim=1)
        return {name: value.reshape(outputs.shape) for name, value in contributions.items()}


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return the same structure, fields of e2cnn too, with other floating-point tensors."""
    if isinstance(value, Tensor):
        return change(value) if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(_mapped(entry, change) for entry in value)
    if isinstance(value, dict):
        return {name: _mapped(entry, change) for name, entry in value.items()}
    if isinstance(getattr(value, "tensor", None), Tensor) and hasattr(value, "type"):
        return type(value)(_mapped(value.tensor, change), value.type)
    return value


def _tensors(value: Any) -> list[Tensor]:
    """List the floating-point tensors in a structure."""
    found: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        """Note a tensor on its way, and return it."""
        found.append(tensor)
        return tensor

    _mapped(value, note)
    return found


def _single(result: object, name: str) -> Tensor:
    """Return the one floating-point tensor that a leaf gives."""
    found = _tensors(result)
    if len(found) != 1:
        raise ValueError(
            f"A leaf returns one floating-point tensor, but {name!r} returns {len(found)}; declare "
            f"the layers inside it or wrap it."
        )
    return found[0]
