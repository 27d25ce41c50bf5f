"""Clouds of points and who is whose neighbour, as torch-geometric keeps them.

A cloud is a :class:`torch_geometric.data.Batch` with ``pos``, ``(N, d)``, the points of all
clouds, and ``x``, ``(N, c)``, a value at each. A neighbourhood is its ``edge_index``, ``(2, E)``:
the point of the second row gathers from the point of the first. Each point is among its own
neighbours.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from utils._checks import check_finite, check_float, check_whole

__all__ = ["all_pairs", "clouds", "nearest", "sampled", "with_points"]


def clouds(
    points: Tensor | Sequence[Tensor], values: Tensor | Sequence[Tensor] | None = None
) -> Batch:
    """Put clouds, of one size or of several, into one batch in which all pairs are neighbours.

    Parameters
    ----------
    points : torch.Tensor or sequence of torch.Tensor
        Shape ``(B, n, d)``, or B tensors of shapes ``(n_b, d)``.
    values : torch.Tensor or sequence of torch.Tensor, optional
        Shape ``(B, n, c)``, or B tensors of shapes ``(n_b, c)``; a 1 at each point if absent.

    Returns
    -------
    torch_geometric.data.Batch
        With ``pos``, ``x``, ``batch``, ``ptr`` and ``edge_index``.

    Examples
    --------
    >>> two = clouds([torch.zeros(3, 2), torch.ones(1, 2)])
    >>> two.num_graphs, two.x.shape, two.edge_index.shape
    (2, torch.Size([4, 1]), torch.Size([2, 10]))
    """
    places = list(points)
    if not places:
        raise ValueError("There is no cloud; a batch holds at least one.")
    for place in places:
        check_finite(check_float(place, "A cloud"), "A cloud")
        if place.ndim != 2:
            raise ValueError(f"A cloud has shape (n, d), not {tuple(place.shape)}.")
        if place.shape[1] != places[0].shape[1]:
            raise ValueError(
                f"Clouds lie in spaces of dimensions {places[0].shape[1]} and {place.shape[1]}; "
                f"those of one batch lie in one space."
            )
    given = [torch.ones_like(p[:, :1]) for p in places] if values is None else list(values)
    if len(given) != len(places):
        raise ValueError(f"There are {len(places)} clouds, but values for {len(given)}.")
    for place, value in zip(places, given, strict=True):
        check_float(value, "The values of a cloud")
        if value.ndim != 2 or len(value) != len(place):
            raise ValueError(
                f"The values of a cloud of {len(place)} points have shape ({len(place)}, c), not "
                f"{tuple(value.shape)}."
            )
    data = [Data(pos=p, x=v) for p, v in zip(places, given, strict=True)]
    return all_pairs(Batch.from_data_list(data))


def with_points(cloud: Batch, points: Tensor) -> Batch:
    """Return a batch with other points in place of its own; values and neighbours stay.

    Parameters
    ----------
    cloud : torch_geometric.data.Batch
        As :func:`clouds` returns it.
    points : torch.Tensor
        Shape ``(N, d)`` or ``(B, n, d)``.

    Examples
    --------
    >>> moved = with_points(clouds(torch.zeros(1, 3, 2)), torch.ones(1, 3, 2))
    >>> moved.pos.sum().item()
    6.0
    """
    flat = points.reshape(-1, points.shape[-1])
    if flat.shape != cloud.pos.shape:
        raise ValueError(
            f"The batch has points of shape {tuple(cloud.pos.shape)}, not {tuple(flat.shape)}."
        )
    return _copy(cloud, pos=flat)


def all_pairs(cloud: Batch) -> Batch:
    """Return a batch in which every point has all points of its cloud for neighbours.

    Examples
    --------
    >>> all_pairs(clouds(torch.zeros(2, 4, 2))).edge_index.shape
    torch.Size([2, 32])
    """
    return _copy(cloud, edge_index=pairs_of(sizes_of(cloud)))


def nearest(cloud: Batch, k: int) -> Batch:
    """Return a batch in which every point has its k nearest for neighbours, itself among them.

    Rotations, translations and scalings keep who is near, as long as no two distances are equal:
    on a grid of pixels rounding chooses among equals.

    Examples
    --------
    >>> line = clouds(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [3.0, 0.0]]]))
    >>> nearest(line, 2).edge_index.tolist()
    [[0, 1, 1, 0, 2, 1], [0, 0, 1, 1, 2, 2]]
    """
    k = _at_most(cloud, k)
    # Distances to another cloud would be wasted, so each cloud has a block of its own.
    found = []
    for start, size in zip(cloud.ptr.tolist(), sizes_of(cloud).tolist(), strict=False):
        points = cloud.pos[start : start + size].detach()
        squares = (points[:, None] - points).square().sum(-1)
        found.append(start + squares.topk(k, largest=False).indices)
    return _copy(cloud, edge_index=_edges(torch.cat(found)))


def sampled(cloud: Batch, k: int, *, generator: torch.Generator | None = None) -> Batch:
    """Return a batch in which every point has k points at random for neighbours.

    They are drawn without replacement among all points of its cloud.

    Examples
    --------
    >>> few = sampled(clouds(torch.zeros(2, 9, 2)), 3, generator=torch.Generator().manual_seed(0))
    >>> few.edge_index.shape, few.edge_index[1, :6].tolist()
    (torch.Size([2, 54]), [0, 0, 0, 1, 1, 1])
    """
    k = _at_most(cloud, k)
    sizes = sizes_of(cloud)
    largest = int(sizes.max())
    place = generator.device if generator is not None else torch.device("cpu")
    keys = torch.rand(len(cloud.pos), largest, generator=generator, device=place)
    keys = keys.to(cloud.pos.device)
    own = sizes.repeat_interleave(sizes)
    keys = keys.masked_fill(torch.arange(largest, device=keys.device) >= own[:, None], 2.0)
    chosen = keys.topk(k, largest=False).indices
    return _copy(cloud, edge_index=_edges(chosen + cloud.ptr[cloud.batch][:, None]))


def sizes_of(cloud: Batch) -> Tensor:
    """Return how many points each cloud has, ``(B,)``."""
    return cloud.ptr.diff()


def pairs_of(sizes: Tensor) -> Tensor:
    """Return all pairs within blocks of these sizes, ``(2, sum of squares)``, by second entry."""
    counts = sizes.repeat_interleave(sizes)  # of each point, how many its cloud has
    target = torch.arange(len(counts), device=sizes.device).repeat_interleave(counts)
    first = (counts.cumsum(0) - counts).repeat_interleave(counts)  # where its run of edges begins
    start = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)[target]  # where its cloud begins
    source = torch.arange(len(target), device=sizes.device) - first + start
    return torch.stack([source, target])


def lifted_edges(edge_index: Tensor, lifts: int) -> Tensor:
    """Return edges between all lifts of two points for each edge between the points."""
    if lifts == 1:
        return edge_index
    steps = torch.arange(lifts, device=edge_index.device)
    source = (edge_index[0][:, None, None] * lifts + steps[None, None, :]).expand(-1, lifts, -1)
    target = (edge_index[1][:, None, None] * lifts + steps[None, :, None]).expand(-1, -1, lifts)
    return torch.stack([source.flatten(), target.flatten()])


def _edges(sources: Tensor) -> Tensor:
    """Return edges from k sources for each point, ``(N, k)`` to ``(2, N k)``."""
    targets = torch.arange(len(sources), device=sources.device)
    return torch.stack([sources.flatten(), targets.repeat_interleave(sources.shape[1])])


def _at_most(cloud: Batch, k: int) -> int:
    smallest = int(sizes_of(cloud).min())
    return check_whole(k, "The number of neighbours", 1, smallest)


def _copy(cloud: Batch, **changed: Tensor) -> Batch:
    """Return a batch that shares all tensors with a batch but for those named."""
    other = copy.copy(cloud)
    for name, tensor in changed.items():
        setattr(other, name, tensor)
    return other
