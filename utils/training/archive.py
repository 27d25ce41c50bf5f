"""The form of a checkpoint on disk: weights and manifest in one safetensors file, or many in one.

The metadata in the header of ``NAME.safetensors`` have two entries: ``manifest``, a text in JSON
that says where the weights come from, and ``sha256``, the checksum of this text. The manifest
holds in turn the checksum of the file as it is without metadata, so that no byte of it can
change unseen.

Many small networks share a file, such as ``digit-zoo.safetensors``. In it every network is one
tensor of bytes under its name: its whole checkpoint file, as its training wrote it, compressed by
zlib. One of them is read without the others, also without this package::

    with safetensors.safe_open("digit-zoo.safetensors", "pt") as zoo:
        content = zlib.decompress(zoo.get_tensor(NAME).numpy().tobytes())
    state = safetensors.torch.load(content)
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from utils.data.cache import write_atomically

__all__ = [
    "FORMAT",
    "Place",
    "members",
    "pack",
    "weights_checksum",
    "write_bytes",
    "write_members",
    "write_new",
]

FORMAT = 1
_NEEDED = ("format", "name", "model", "versions", "weights")
_AGAIN = "get the checkpoint again"
_LARGEST = 2**26  # bytes of one of many networks, so that a damaged one cannot fill the memory


@dataclass(frozen=True)
class Place:
    """Where a checkpoint lies.

    Parameters
    ----------
    path : pathlib.Path
        Its file.
    name : str, optional
        The name that its manifest must have.
    span : tuple of int, optional
        In a file of many, where its compressed bytes begin and end.
    """

    path: Path
    name: str | None = None
    span: tuple[int, int] | None = None

    def __str__(self) -> str:
        return str(self.path) if self.span is None else f"{self.name} in {self.path}"

    def content(self) -> bytes:
        """Return the bytes of this one checkpoint."""
        if self.span is None:
            return self.path.read_bytes()
        with open(self.path, "rb") as file:
            file.seek(self.span[0])
            packed = file.read(self.span[1] - self.span[0])
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(packed, _LARGEST)
        except zlib.error as error:
            raise ValueError(f"{self} is damaged: {error}; {_AGAIN}") from error
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError(f"{self} is damaged: it does not end where it should; {_AGAIN}")
        return content

    def read_manifest(self) -> dict[str, Any]:
        """Return the manifest, which is verified, unlike the weights."""
        shared = self.span is not None
        return self._manifest((_split(self.content(), self) if shared else _header(self.path))[0])

    def read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return manifest and tensors, both verified."""
        content = self.content()
        header, data = _split(content, self)
        manifest = self._manifest(header)
        found, expected = _checksum(header, data), manifest["weights"].get("sha256")
        if found != expected:
            raise ValueError(
                f"{self} is damaged: its SHA-256 is {found[:12]}…, but its manifest says "
                f"{str(expected)[:12]}…; {_AGAIN} or train it with: "
                f"{manifest.get('command', 'the command of its manifest')}"
            )
        try:
            return manifest, safetensors.torch.load(content)
        except SafetensorError as error:
            raise ValueError(f"{self} is not a safetensors file: {error}") from error

    def _manifest(self, header: Mapping[str, Any]) -> dict[str, Any]:
        metadata = header.get("__metadata__", {})
        text, expected = metadata.get("manifest"), metadata.get("sha256")
        if "networks" in metadata:
            raise ValueError(
                f"{self} holds {metadata['networks']} networks; load one of them by its name"
            )
        if not isinstance(text, str):
            raise ValueError(
                f"{self} has no manifest in its header, so it is damaged or no checkpoint; one of "
                f"an older form, with its manifest in a file beside it, has to be trained again"
            )
        if hashlib.sha256(text.encode()).hexdigest() != expected:
            raise ValueError(f"{self} is damaged: the SHA-256 of its manifest differs; {_AGAIN}")
        try:
            manifest = json.loads(text)
        except ValueError:
            manifest = None
        if not _is_manifest(manifest):
            raise ValueError(f"{self} does not hold the manifest of a checkpoint; check the path")
        if manifest["format"] != FORMAT:
            raise ValueError(
                f"{self} has format {manifest['format']}, but this version of utils reads format "
                f"{FORMAT}; install the version of the book the checkpoint was made with"
            )
        name = self.path.stem if self.name is None else self.name
        if name != manifest["name"]:
            raise ValueError(
                f"{self} holds {manifest['name']} under the name of {name}; rename the file, or "
                f"{_AGAIN}"
            )
        return manifest


def _is_manifest(value: Any) -> bool:
    """Tell whether everything is there that a checkpoint is read by, each in its form."""
    if not isinstance(value, dict) or any(key not in value for key in _NEEDED):
        return False
    model, weights = value["model"], value["weights"]
    return (
        isinstance(value["name"], str)
        and isinstance(weights, dict)
        and isinstance(weights.get("sha256"), str)
        and isinstance(model, dict)
        and isinstance(model.get("config"), dict)
        and all(isinstance(model.get(key), str) for key in ("class", "config_class"))
    )


# ---------------------------------------------------------------- one network


def pack(state: Mapping[str, Tensor], facts: Mapping[str, Any], file: str) -> bytes:
    """Return the bytes of a checkpoint: the tensors, and facts about them.

    The manifest is the facts and ``weights``: the name of the file, and size and SHA-256 of the
    file as it is without metadata. Facts that JSON cannot hold raise a TypeError or ValueError.
    """
    header, data = _split(safetensors.torch.save(dict(state)), file)
    size = len(_start(header)) + len(data)
    stored = {"file": file, "bytes": size, "sha256": _checksum(header, data)}
    try:
        text = json.dumps({**facts, "weights": stored}, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise ValueError(
            f"the facts about {file} hold NaN or infinity, or refer to themselves, and a manifest "
            f"cannot; leave them out"
        ) from error
    metadata = {"manifest": text, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return _start({"__metadata__": metadata, **header}) + data


def weights_checksum(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 that a manifest says of these tensors."""
    return _checksum(*_split(safetensors.torch.save(dict(state)), "this state"))


def _split(content: bytes, where: object) -> tuple[dict[str, Any], memoryview]:
    """Return the header of a safetensors file and what follows it."""
    end = 8 + int.from_bytes(content[:8], "little")
    return _parsed(content[8:end], where), memoryview(content)[end:]


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file and where its data begin."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return _parsed(file.read(min(length, path.stat().st_size)), path), 8 + length


def _parsed(text: bytes, where: object) -> dict[str, Any]:
    try:
        header = json.loads(text.decode())
    except ValueError:
        header = None
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__", {}), dict):
        raise ValueError(f"{where} is damaged: its header cannot be read; {_AGAIN}")
    return header


def _start(header: Mapping[str, Any]) -> bytes:
    """Return the bytes of a header, with the spaces that let the data begin at 8 n."""
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _checksum(header: Mapping[str, Any], data: memoryview) -> str:
    """Return the SHA-256 of a file as it is without metadata."""
    digest = hashlib.sha256(_start({k: v for k, v in header.items() if k != "__metadata__"}))
    digest.update(data)
    return digest.hexdigest()


def write_bytes(path: Path, content: bytes, *, overwrite: bool = True) -> str:
    """Write all of a file or nothing, and return its SHA-256."""
    return write_atomically(
        path,
        lambda stream: stream.write(content),
        overwrite=overwrite,
        elsewhere="choose a folder with space that you may write to, such as another --output",
    )


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet: all of it or nothing, and never over another's."""
    write_bytes(path, content, overwrite=False)


# ---------------------------------------------------------------- many networks


def members(path: Path) -> dict[str, Place]:
    """Return where the networks that share a file lie in it, by their names in order."""
    header, start = _header(path)
    header.pop("__metadata__", None)
    found = {}
    for name, entry in sorted(header.items()):
        match entry:
            case {"data_offsets": [int(first), int(last)]} if 0 <= first <= last:
                found[name] = Place(path, name, (start + first, start + last))
            case _:
                raise ValueError(f"{path} is damaged: its entry {name} cannot be read; {_AGAIN}")
    return found


def write_members(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a file that networks share, from the bytes of the checkpoint of each."""
    tensors = {
        name: torch.frombuffer(bytearray(zlib.compress(content, 9)), dtype=torch.uint8)
        for name, content in contents.items()
    }
    write_bytes(path, safetensors.torch.save(tensors, {"networks": str(len(tensors))}))
