"""Header of a safetensors file: its length in 8 bytes, then JSON: name → {dtype, shape, data_offsets}."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from renderq_shared.checkpoints.tensor import TensorInfo
from renderq_shared.errors import CheckpointUnreadable

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100_000_000
"""Limit of the format itself."""


class _TensorHeader(BaseModel):
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


_HEADER = TypeAdapter(dict[str, _TensorHeader])


def read(path: Path) -> Mapping[str, TensorInfo]:
    """Return the tensors. Raises `CheckpointUnreadable` for another format or a size unlike the header's."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH_BYTES)
        length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH_BYTES else _MAX_HEADER_BYTES + 1
        if length > _MAX_HEADER_BYTES:
            raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again")
        text = file.read(length)
    tensors = _parse_header(path, text, is_truncated=len(text) < length)
    expected = _LENGTH_BYTES + length + max((tensor.data_offsets[1] for tensor in tensors.values()), default=0)
    if size != expected:
        raise CheckpointUnreadable(
            f"{path} has {size:,} bytes, but its header declares {expected:,}; download it again"
        )
    return {name: TensorInfo(tensor.shape) for name, tensor in tensors.items()}


def _parse_header(path: Path, text: bytes, *, is_truncated: bool) -> dict[str, _TensorHeader]:
    if is_truncated:
        raise CheckpointUnreadable(f"{path} ends within its header; download it again")
    try:
        header: dict[str, Any] = json.loads(text)
        return _HEADER.validate_python({name: value for name, value in header.items() if name != "__metadata__"})
    except (ValueError, AttributeError, ValidationError) as error:
        raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again") from error
