"""Lifting layers: images to four directions, equivariant under quarter turns."""

import torch
from torch import Tensor
from torch.nn import functional as F

KERNEL = torch.randn(5, 5, generator=torch.Generator().manual_seed(17)) / 4
SMALL = torch.randn(3, 3, generator=torch.Generator().manual_seed(18)) / 3


def _odd(x: Tensor) -> Tensor:
    if x.shape[-1] % 2 == 0:
        x = F.avg_pool2d(x, 2, stride=1)
    return x


def turned_kernels(x: Tensor) -> Tensor:
    """Convolve with one kernel in four positions."""
    bank = torch.stack([torch.rot90(KERNEL, r, (0, 1)) for r in range(4)])
    return F.relu(F.conv2d(_odd(x), bank[:, None], stride=2, padding=2) + 0.2)


def turned_images(x: Tensor) -> Tensor:
    """Turn the image back, convolve with one kernel, and turn the map on."""
    maps = []
    for r in range(4):
        back = torch.rot90(_odd(x), -r, (2, 3))
        seen = F.conv2d(back, KERNEL[None, None], stride=2, padding=2)
        maps.append(torch.rot90(seen, r, (2, 3)))
    return torch.tanh(torch.cat(maps, dim=1))


def each_centred(x: Tensor) -> Tensor:
    """Use a small kernel and no stride, and subtract the mean of every image."""
    maps = []
    for r in range(4):
        maps.append(F.conv2d(x, torch.rot90(SMALL, r, (0, 1))[None, None], padding=1))
    z = torch.cat(maps, dim=1)
    z = z - z.mean(dim=(1, 2, 3), keepdim=True)
    return z.square()


def picked_pixels(x: Tensor) -> Tensor:
    """Convolve at every pixel and keep those that a turn carries to each other."""
    x = F.pad(_odd(x), (2, 2, 2, 2))
    bank = torch.stack([KERNEL, KERNEL.rot90(1), KERNEL.rot90(2), KERNEL.rot90(3)])
    everywhere = F.conv2d(x, bank[:, None])
    return F.leaky_relu(everywhere[..., ::2, ::2], 0.1)
