"""Files made to exhaust memory, or to be read differently by the check and by the loader."""

import json
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from renderq_shared.checkpoints import pickle_index, read_tensors
from renderq_shared.errors import CheckpointUnreadable
from tests.shared.checkpoints.checkpoint_files import checkpoint

MEMORY_BYTES = 300_000_000


def header(path: Path, text: bytes, length: int | None = None, data: int = 0) -> Path:
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + bytes(data))
    return path


def tensors(path: Path, *headers: dict[str, object], data: int = 8) -> Path:
    return header(path, json.dumps({f"t{number}": value for number, value in enumerate(headers)}).encode(), data=data)


def tensor(begin: int, end: int, shape: object = (2,), dtype: str = "F16") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS: dict[str, Callable[[Path], Path]] = {
    "deep": lambda path: header(path, b"[" * 100_000 + b"]" * 100_000),
    "deep objects": lambda path: header(path, b'{"a":' * 100_000 + b"0" + b"}" * 100_000),
    "huge length": lambda path: header(path, b"{}", 2**63),
    "longest permitted": lambda path: header(path, b"{}", 100_000_000),
    "no length": lambda path: header(path, b"", 0),
    "overlapping": lambda path: tensors(path, tensor(0, 4), tensor(2, 6), data=6),
    "gap": lambda path: tensors(path, tensor(0, 4), tensor(6, 10), data=10),
    "backwards": lambda path: tensors(path, tensor(4, 0), tensor(4, 8)),
    "unknown dtype": lambda path: tensors(path, tensor(0, 8, dtype="F17")),
    "4 bits": lambda path: tensors(path, tensor(0, 8, shape=(16,), dtype="F4")),
    "size unlike the shape": lambda path: tensors(path, tensor(0, 8, shape=(3,))),
    "negative": lambda path: tensors(path, tensor(0, 8, shape=(-2, -2))),
    "shape of text": lambda path: tensors(path, tensor(0, 8, shape="4")),
    "large shape": lambda path: tensors(path, tensor(0, 8, shape=(2**62, 2**62, 4))),
    "not UTF-8": lambda path: header(path, b'{"\xff": 1}'),
    "metadata of numbers": lambda path: header(path, b'{"__metadata__": {"a": 1}}'),
    "metadata as tensor": lambda path: header(path, b'{"a": {"b": "c"}}'),
}

BIG_MEMO = b"\x80\x02]r\xff\xff\xff\x7f."
"""Puts an empty list at position 2³¹ - 1 of the memo, which the unpickler would allocate up to there."""


def compressed(path: Path) -> Path:
    """A small archive whose pickle is half a gigabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/version", "3\n")
        with archive.open("archive/data.pkl", "w") as file:
            for _ in range(32):
                file.write(bytes(2**24))
    return path


def large_directory(path: Path) -> Path:
    """An archive whose directory is a gigabyte of zeros, on a disk that stores no zeros."""
    checkpoint(path, {"a": 1})
    content = path.read_bytes()
    with path.open("wb") as file:
        file.write(content[:-22])
        file.truncate(2**30 + len(content) - 22)
        file.seek(0, 2)
        file.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**30, len(content) - 22, 0))
    return path


TORCH: dict[str, Callable[[Path], Path]] = {
    "memo": lambda path: checkpoint(path, BIG_MEMO),
    "string": lambda path: checkpoint(path, b"\x80\x02X\xff\xff\xff\x7f"),
    "bytes": lambda path: checkpoint(path, b"\x80\x05\x96" + struct.pack("<Q", 2**40)),
    "compressed": compressed,
    "directory": large_directory,
    "legacy memo": lambda path: legacy(path, BIG_MEMO),
    "legacy storage": lambda path: legacy(path, pickle.dumps({}, 2), pickle.dumps(["0"], 2)),
}


def legacy(path: Path, *programs: bytes) -> Path:
    first = (pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    path.write_bytes(b"".join((*first, *programs)))
    return path


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_safetensors_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    check_refused(SAFETENSORS[kind](tmp_path / "a.safetensors"))


@pytest.mark.parametrize("kind", TORCH)
def test_files_of_torch_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    check_refused(TORCH[kind](tmp_path / "a.ckpt"))


def test_pickles_have_a_bounded_number_of_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle_index, "_MAX_OPCODES", 1000)
    check_refused(checkpoint(tmp_path / "a.ckpt", b"\x80\x02(" + b"}" * 1000 + b"l."))


def check_refused(path: Path) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointUnreadable) as caught:
            read_tensors(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)
    assert peak < MEMORY_BYTES
