"""Speed of the steerable network, as a ratio to the same network in ordinary layers."""

from __future__ import annotations

from functools import partial

import torch
from timing import best_times

from utils.data.mnist import load_small, rotated
from utils.models.rotation_cnn import RotationCNN, plain_convolutions

PIECE = 250


def test_embedding_against_plain_convolutions() -> None:
    """10,000 digits: at most 1.3 times as long as the same network without e2cnn."""
    images = rotated(load_small(), seed=0, copies=2).images
    network = RotationCNN().eval()
    plain = plain_convolutions(network)
    with torch.no_grad():
        # Both take each piece in turn, so that a slow moment hits neither alone.
        times = [
            best_times(partial(network.encode, part), partial(plain, part), 3)
            for part in images.split(PIECE)
        ]
    steerable, ordinary = (sum(column) for column in zip(*times, strict=True))
    print(f"\nembedding 10,000 digits: {steerable:.1f} s, plain {ordinary:.1f} s")
    assert steerable < 1.3 * ordinary
    assert len(images) == 10_000
