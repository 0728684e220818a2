"""Header of a safetensors file: its length in 8 bytes, then JSON: name → {dtype, shape, data_offsets}.

The same files are refused as by the format's own library: the tensors must cover the data without gaps and overlaps.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from renderq_shared.checkpoints.tensor import ITEM_BYTES, TensorInfo
from renderq_shared.errors import CheckpointUnreadable

_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 25_000_000
"""Bound of the memory that a hostile header can take; the format permits 100 MB, published files have up to 2 MB."""

_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2": "float8_e5m2",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "F64": "float64",
    "C64": "complex64",
}
"""Dtype codes that torch can load → torch's names."""

_Size = Annotated[int, Field(ge=0, le=2**63 - 1)]


class _TensorHeader(BaseModel):
    model_config = ConfigDict(strict=True)

    dtype: str
    shape: list[_Size]
    data_offsets: tuple[_Size, _Size]


_HEADER = TypeAdapter(dict[str, _TensorHeader | dict[str, str]])
"""A tensor under each name, except for the strings under `__metadata__`."""


def read(path: Path) -> tuple[Mapping[str, TensorInfo], Mapping[str, str]]:
    """Return the tensors and the metadata. Raises `CheckpointUnreadable` unless the format's library reads the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH_BYTES)
        length = struct.unpack("<Q", start)[0] if len(start) == _LENGTH_BYTES else 0
        text = file.read(length) if length <= _MAX_HEADER_BYTES else b""
    if not 1 < length <= _MAX_HEADER_BYTES:
        raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again")
    if len(text) < length:
        raise CheckpointUnreadable(f"{path} ends within its header; download it again")
    headers, metadata = _parse(path, text)
    end = max((header.data_offsets[1] for header in headers.values()), default=0)
    if size != _LENGTH_BYTES + length + end:
        raise CheckpointUnreadable(
            f"{path} has {size:,} bytes, but its header declares {_LENGTH_BYTES + length + end:,}; download it again"
        )
    _check_offsets(path, headers)
    return {name: _tensor(path, name, header) for name, header in headers.items()}, metadata


def _parse(path: Path, text: bytes) -> tuple[dict[str, _TensorHeader], Mapping[str, str]]:
    try:
        header: dict[str, Any] = _HEADER.validate_json(text)
    except ValidationError as error:
        raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again") from error
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(isinstance(value, dict) for value in header.values()):
        raise CheckpointUnreadable(f"{path} is not a safetensors file; download it again")
    return header, metadata


def _check_offsets(path: Path, headers: Mapping[str, _TensorHeader]) -> None:
    """Raise `CheckpointUnreadable` unless each tensor begins where the one before it ends."""
    end = 0
    for begin, next_end in sorted(header.data_offsets for header in headers.values()):
        if begin != end:
            raise CheckpointUnreadable(f"{path} is damaged: its tensors overlap or leave gaps; download it again")
        end = next_end


def _tensor(path: Path, name: str, header: _TensorHeader) -> TensorInfo:
    if header.dtype not in _DTYPES:
        raise CheckpointUnreadable(
            f"{path}: tensor {name!r} has the dtype {header.dtype!r}, which torch cannot load; "
            "take a version in float16 or bfloat16"
        )
    tensor = TensorInfo(tuple(header.shape), _DTYPES[header.dtype])
    begin, end = header.data_offsets
    if end - begin != tensor.numel * ITEM_BYTES[tensor.dtype]:
        raise CheckpointUnreadable(
            f"{path} is damaged: tensor {name!r} of shape {tensor.shape} in {tensor.dtype} has {end - begin:,} bytes; "
            "download it again"
        )
    return tensor
