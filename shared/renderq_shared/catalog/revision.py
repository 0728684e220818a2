"""Revision: a digest that identifies a set of weights, fast even for gigabytes."""

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

_SPANS = 16
_SPAN_BYTES = 65_536
_SUFFIXES = frozenset({".json", ".safetensors", ".txt", ".bin", ".ckpt"})


def compute_revision(source: Path, layout: Path | None, without: Collection[str] = ()) -> str:
    """Hash the names, sizes and contents of the files: small files whole, large ones in evenly spaced spans.

    Training changes weights everywhere, so sixteen spans of 64 KiB detect it. `layout` is hashed too, and the names of
    components that are left out.
    """
    digest = hashlib.sha256()
    for root in filter(None, (source, layout)):
        for path in _files(root):
            digest.update(os.fsencode(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0"))
            for span in _spans(path):
                digest.update(span)
    for component in without:
        digest.update(f"{component}\0".encode())
    return digest.hexdigest()[:16]


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    return sorted(path for path in root.rglob("*") if path.suffix in _SUFFIXES and path.is_file())


def _spans(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _SPANS * _SPAN_BYTES:
            yield file.read()
            return
        for span in range(_SPANS):
            file.seek((size - _SPAN_BYTES) * span // (_SPANS - 1))
            yield file.read(_SPAN_BYTES)
