"""The header of a safetensors file: 8 bytes of length, then JSON, name → {dtype, shape, data_offsets}."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from renderq_shared.checkpoints.tensor import TensorInfo
from renderq_shared.errors import CheckpointUnreadable

_LENGTH_BYTES = 8
_HEADER_MOST = 100_000_000
"""The format's own limit for the header, in bytes."""


class _Described(BaseModel):
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


_HEADER = TypeAdapter(dict[str, _Described])


def read(path: Path) -> Mapping[str, TensorInfo]:
    """Raises `CheckpointUnreadable` when the file is another kind or shorter than its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH_BYTES)
        length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH_BYTES else _HEADER_MOST + 1
        if length > _HEADER_MOST:
            raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again")
        text = file.read(length)
    described = _described(path, text, is_cut_off=len(text) < length)
    announced = _LENGTH_BYTES + length + max((tensor.data_offsets[1] for tensor in described.values()), default=0)
    if size != announced:
        raise CheckpointUnreadable(
            f"{path} has {size:,} bytes and its header announces {announced:,}; download it again"
        )
    return {name: TensorInfo(tensor.shape) for name, tensor in described.items()}


def _described(path: Path, text: bytes, *, is_cut_off: bool) -> dict[str, _Described]:
    if is_cut_off:
        raise CheckpointUnreadable(f"{path} ends within its header; download it again")
    try:
        header: dict[str, Any] = json.loads(text)
        return _HEADER.validate_python({name: value for name, value in header.items() if name != "__metadata__"})
    except (ValueError, AttributeError, ValidationError) as error:
        raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again") from error
