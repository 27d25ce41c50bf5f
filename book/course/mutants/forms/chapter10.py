"""Networks of two layers from images (B, 1, m, m) to regular fields of C_4, (B, 2, 4, m, m)."""

import torch
from torch import Tensor
from torch.nn import functional as F

V1 = torch.randn(3, 1, 5, 5, generator=torch.Generator().manual_seed(27)) / 5
V2 = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(28)) / 8


def filters_turned(x: Tensor) -> Tensor:
    """Turn the first filters, turn and roll the second, and convolve twice."""
    first = torch.cat([torch.rot90(V1, h, (2, 3)) for h in range(4)])
    f = F.relu(F.conv2d(x, first, padding=2)).unflatten(1, (4, 3)).transpose(1, 2)
    maps = []
    for h in range(4):
        w = torch.rot90(V2, h, (3, 4)).roll(h, 2)
        maps.append(F.conv2d(f.flatten(1, 2), w.flatten(1, 2), padding=2))
    return torch.stack(maps, dim=2)


def fields_turned(x: Tensor) -> Tensor:
    """Turn images and fields back, use the filters as they are, and turn on what comes out."""
    lifted = []
    for h in range(4):
        seen = F.conv2d(torch.rot90(x, -h, (2, 3)), V1, padding=2)
        lifted.append(torch.rot90(seen, h, (2, 3)))
    f = torch.tanh(torch.stack(lifted, dim=2))
    maps = []
    for h in range(4):
        back = torch.rot90(f, -h, (3, 4)).roll(-h, 2)
        seen = F.conv2d(back.flatten(1, 2), V2.flatten(1, 2), padding=2)
        maps.append(torch.rot90(seen, h, (2, 3)))
    return torch.stack(maps, dim=2)


def direction_by_direction(x: Tensor) -> Tensor:
    """Follow the formula of the group convolution, and scale every image by itself."""
    f = [F.relu(F.conv2d(x, torch.rot90(V1, h, (2, 3)), padding=2)) for h in range(4)]
    maps = []
    for h in range(4):
        total = torch.zeros_like(f[0][:, :2])
        for k in range(4):
            w = torch.rot90(V2[:, :, (k - h) % 4], h, (2, 3))
            total = total + F.conv2d(f[k], w, padding=2)
        maps.append(total)
    field = torch.stack(maps, dim=2)
    return field / (1 + field.abs().mean(dim=(1, 2, 3, 4), keepdim=True))
