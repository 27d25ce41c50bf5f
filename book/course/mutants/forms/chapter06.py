"""Max filters under cyclic shifts: templates (m, k, n) and codes (B, k, n) to (B, m)."""

import torch
from torch import Tensor


def moves_the_templates(templates: Tensor, codes: Tensor) -> Tensor:
    """Shift the templates in place of the codes."""
    products = []
    for r in range(codes.shape[2]):
        moved = torch.roll(templates, r, dims=2)
        products.append(codes.flatten(1) @ moved.flatten(1).T)
    return torch.stack(products).amax(dim=0)


def keeps_the_best(templates: Tensor, codes: Tensor) -> Tensor:
    """Compare one shift after the other with the best so far."""
    best = torch.einsum("mkn,bkn->bm", templates, codes)
    for r in range(1, codes.shape[-1]):
        now = torch.einsum("mkn,bkn->bm", templates, codes.roll(-r, -1))
        best = torch.where(now > best, now, best)
    return best


def by_windows(templates: Tensor, codes: Tensor) -> Tensor:
    """Read all shifts as windows of two periods."""
    n = codes.shape[-1]
    windows = torch.cat([codes, codes[..., :-1]], dim=-1).unfold(-1, n, 1)
    products = (windows[:, None] * templates[None, :, :, None, :]).sum(dim=-1)
    return products.sum(dim=2).max(dim=-1).values


def template_by_template(templates: Tensor, codes: Tensor) -> Tensor:
    """Index with a table of shifted places, one template at a time."""
    places = torch.arange(codes.shape[-1])
    shifted = codes[:, :, (places[:, None] + places) % len(places)]
    columns = [(shifted * one[:, None, :]).sum(dim=(1, 3)).amax(dim=1) for one in templates]
    return torch.stack(columns, dim=1)
