"""The checksum of data in memory."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from utils.data.checksum import data_checksum


def test_data_checksum_sees_values_types_shapes_and_order() -> None:
    a, b = torch.arange(6.0).reshape(2, 3), torch.tensor([1, 2])
    checksum = data_checksum(a, b)
    assert checksum == data_checksum(a.clone(), b.clone())
    assert checksum == data_checksum(a.T.contiguous().T, b)  # layout does not matter
    changed = a.clone()
    changed[1, 2] = torch.nextafter(changed[1, 2], torch.tensor(9.0))
    others = [(b, a), (a,), (a, b.int()), (a.reshape(3, 2), b), (changed, b), (a.double(), b)]
    assert len({checksum, *(data_checksum(*other) for other in others)}) == 7
    with pytest.raises(ValueError, match="at least one tensor"):
        data_checksum()


def test_data_checksum_is_fixed() -> None:
    """Computed by hand, so that manifests written today can be checked tomorrow."""
    by_hand = hashlib.sha256(b"<f4(2,);" + np.array([1.0, -2.0], "<f4").tobytes()).hexdigest()
    assert data_checksum(torch.tensor([1.0, -2.0])) == by_hand
