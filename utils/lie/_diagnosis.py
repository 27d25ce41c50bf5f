r"""Which declaration is wrong, where contributions of layers do not add up.

At an input :math:`z` that is declared with a generator :math:`X`, the tangent :math:`\dot z` of
the moved image minus :math:`X z` is what went wrong on the way. It must equal the sum of what the
leaves before it did wrong, carried there. Where it does not, the books do not balance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.modules.dropout import _DropoutNd

from utils.generators import FeatureRepresentation, Image
from utils.lie._runs import OUTPUT, Key, Leaf, Network

_INNOCENT = (nn.Flatten, nn.Unflatten, nn.Identity, _DropoutNd)
"""Layers that commute with everything, or only change a layout."""

_Dual = tuple[Tensor, Tensor]
"""A value and its tangent."""


class _Books:
    """What arrives at the leaves, held against what should arrive by the declarations."""

    def __init__(self, network: Network, tolerance: float) -> None:
        self.network, self.tolerance = network, tolerance
        self.arriving = self._run(network, {}, network.generator(network.images))
        self.order = list(self.arriving)

    @staticmethod
    def _run(
        network: Network, own: Mapping[Key, Tensor], tangent: Tensor | None = None
    ) -> dict[Key, list[_Dual]]:
        """Return values and tangents where leaves are entered."""
        found: dict[Key, list[_Dual]] = {}

        def at_input(key: Key, tensors: list[Tensor]) -> None:
            """Look at what goes into a step."""
            found[key] = [
                (value.clone(), value.new_zeros(value.shape) if moved is None else moved.clone())
                for value, moved in map(forward_ad.unpack_dual, tensors)
            ]

        network.push(own, tangent, at_input)
        return found

    def inputs(self, key: Key) -> tuple[FeatureRepresentation, ...]:
        """Return how the inputs of a leaf, or the outputs of the network, are declared."""
        return (self.network.output,) if key == OUTPUT else self.network.leaves[key[0]].inputs

    def missing(self, key: Key, number: int, kind: FeatureRepresentation, carried: Tensor) -> float:
        """Return which share of a tangent stays unexplained if an input is of some kind."""
        value, moved = self.arriving[key][number]
        try:
            meant = self.network.acted(kind, value, "the diagnosis")
        except ValueError:  # made for another shape
            return math.inf
        size = float(moved.norm() + meant.norm() + carried.norm())
        return float((moved - meant - carried).norm()) / size if size else 0.0

    def broken(
        self, own: Mapping[Key, Tensor], network: Network | None = None
    ) -> tuple[Key, int, Tensor] | None:
        """Return the first input at which the books do not balance, and what is carried there.

        Another network has one leaf more, whose inputs are not looked at.
        """
        carried = self._run(network or self.network, own)
        for key in self.order:
            for number, kind in enumerate(self.inputs(key)):
                moved = carried[key][number][1]
                if not self.missing(key, number, kind, moved) <= self.tolerance:
                    return key, number, moved
        return None


def diagnose(network: Network, tolerance: float) -> tuple[str, str]:
    """Return the name of the layer whose declaration is wrong, and a sentence about it."""
    leaves, books = network.leaves, _Books(network, tolerance)
    visits = {visit.key: visit for visit in network.measure(keep=True)}
    own = {key: visit.own for key, visit in visits.items() if key != OUTPUT}
    found = books.broken(own)
    if found is None:
        return OUTPUT[0], "No single layer stands out; raise the tolerance or use float64."
    key, number, carried = found
    asked = books.inputs(key)[number]
    earlier = books.order[: books.order.index(key)]
    place = "whoever reads the output of the network" if key == OUTPUT else f"layer {key[0]!r}"

    def mended(changed: Mapping[Key, Tensor], other: Network | None = None) -> bool:
        """Tell whether the books balance up to this leaf with other contributions."""
        again = books.broken(changed, other)
        return again is None or books.order.index(again[0]) > len(earlier)

    # Could the leaf take what another leaf is declared to return, or the image itself?
    offered = [leaves[name].output for name, _ in reversed(earlier)]
    taken = next(
        (
            kind
            for kind in dict.fromkeys([*offered, Image()])
            if kind != asked and books.missing(key, number, kind, carried) <= tolerance
        ),
        None,
    )
    # Could a leaf before it return what it is declared to take? If both could, the layer before
    # is the judge: the right declaration is the one that makes it more nearly equivariant.
    for name in dict.fromkeys(name for name, _ in reversed(earlier)):
        if leaves[name].output == asked:
            continue
        changed = dict(own)
        try:
            for k in earlier:
                if k[0] == name:
                    declared, value = leaves[name].output, visits[k].value
                    before, after = (network.acted(kind, value, name) for kind in (declared, asked))
                    changed[k] = own[k] + before - after
        except ValueError:  # its output is of another shape
            continue
        smaller = sum(float(changed[k].norm() - own[k].norm()) for k in earlier) < 0
        if (taken is None or smaller) and mended(changed):
            return name, (
                f"Layer {name!r} is declared to return {leaves[name].output}, but what it returns "
                f"moves as {asked}, as which {place} takes it."
            )
    if taken is not None:
        return key[0], f"What {place} gets is declared as {asked}, but moves as {taken}."
    # Could a layer that is not declared be what comes between?
    modules = dict(network.model.named_modules())
    suspects = [n for n in visits[key].undeclared if not isinstance(modules[n], _INNOCENT)]
    kinds = dict.fromkeys([*(offered[:1] or [Image()]), asked])
    for name, first, second in itertools.product(suspects, kinds, kinds):
        more = replace(network, leaves={**leaves, name: Leaf(modules[name], (first,), second)})
        try:
            measured = more.measure()[:-1]
        except ValueError:  # made for another shape
            continue
        if mended({visit.key: visit.own for visit in measured}, more):
            return name, (
                f"Layer {name!r} is not declared as a leaf, and does not commute with the "
                f"transformation."
            )
    if suspects:
        listed = ", ".join(map(repr, suspects))
        return suspects[0], (
            f"Before {place} runs {listed}, which is not declared as a leaf, and something there "
            f"does not commute with the transformation."
        )
    return key[0], (
        f"What {place} gets does not move as {asked}: either that is the wrong declaration, or a "
        f"step before it, outside of all leaves, does not commute with the transformation."
    )
