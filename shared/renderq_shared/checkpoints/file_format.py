"""Format of a file, from its first bytes."""

import codecs
import re
import struct
from pathlib import Path
from typing import Literal

from renderq_shared.checkpoints.torch_file import ARCHIVE_MAGIC, LEGACY_MAGIC, archive_names
from renderq_shared.errors import CheckpointUnreadable

Format = Literal["safetensors", "archive", "legacy"]
"""The last two are those of `torch.save`: since torch 1.6, and before."""

SUFFIXES = (".safetensors", ".ckpt", ".bin", ".pt", ".pth")
"""File name suffixes of the supported formats; the first one is of safetensors, the others are of torch."""

_HEAD_BYTES = 65_536
_GGUF_ARCHITECTURE = re.compile(rb"general\.architecture\x08\x00\x00\x00(.{8})", re.DOTALL)
"""Name of a GGUF field, type string, its length."""

_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/spec", "is a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"<!doctype html", "is a web page, not weights; download the file itself"),
    (b"<html", "is a web page, not weights; download the file itself"),
    (b"<?xml", "is XML, not weights; download the file itself"),
    (b"\x1f\x8b", "is compressed with gzip; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive; unpack it"),
    (b"Rar!", "is a RAR archive; unpack it"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd; unpack it"),
    (b"\x89HDF\r\n", "is an HDF5 file (Keras); use a .safetensors version of the model"),
    (b"\x08\x00\x12\x00", "is an ONNX file; use a .safetensors version of the model"),
    (b"\x93NUMPY", "is a NumPy array; use a .safetensors version of the model"),
    (b"\x89PNG\r\n", "is an image, not weights; download the file itself"),
    (b"\xff\xd8\xff", "is an image, not weights; download the file itself"),
    (b"GIF8", "is an image, not weights; download the file itself"),
    (b"PK\x05\x06", "is an empty zip archive; download it again"),
)
"""First bytes, in any case → what the file is."""
_UNFINISHED = (".crdownload", ".part", ".partial", ".aria2", ".incomplete", ".download", ".tmp")
"""Suffixes that programs give to files while they download them."""
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_QUOTED_CHARACTERS = 100
_ELSE = "use the model's diffusers folder, or a .safetensors file of it that is not quantized"


def check_format(path: Path) -> Format:
    """Return the format. Raises `CheckpointUnreadable`, which says what it is, unless content and suffix agree."""
    if not path.is_file():
        raise CheckpointUnreadable(f"{path} is not a file" if path.exists() else f"{path} {_absence(path)}")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    found = _format(path, head)
    if (found == "safetensors") != (path.suffix == SUFFIXES[0]) or path.suffix not in SUFFIXES:
        suffix = ".safetensors" if found == "safetensors" else ".ckpt"
        kind = "is a safetensors file" if found == "safetensors" else "was written by torch"
        raise CheckpointUnreadable(f"{path} {kind}; rename it to end in {suffix}")
    return found


def _absence(path: Path) -> str:
    if not path.is_symlink():
        return "does not exist"
    return f"is a link to {path.readlink()}, which does not exist; download it again"


def _format(path: Path, head: bytes) -> Format:
    if not head:
        raise CheckpointUnreadable(f"{path} is empty (0 bytes); download it again")
    if path.suffix in _UNFINISHED:
        raise CheckpointUnreadable(f"{path} is an unfinished download, by its name; finish it")
    if head.startswith(b"GGUF"):
        raise CheckpointUnreadable(
            f"{path} is a GGUF file{_gguf_architecture(head)}, which renderq does not load; {_ELSE}"
        )
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for sign, message in _SIGNS:
        if head.startswith(sign) or start.startswith(sign.lower()):
            raise CheckpointUnreadable(f"{path} {message}")
    if head[_TAR_OFFSET:].startswith(_TAR_MAGIC):
        raise CheckpointUnreadable(f"{path} is a tar archive; unpack it")
    if not head.strip(b"\0"):
        raise CheckpointUnreadable(f"{path} begins with {len(head):,} zeros, not with weights; download it again")
    if (text := _text(head)) is not None and path.suffix in SUFFIXES:
        raise CheckpointUnreadable(f"{path} is text, not weights ({text!r}); download the file itself")
    if head.startswith(ARCHIVE_MAGIC):
        _check_archive(path)
        return "archive"
    if head.startswith(LEGACY_MAGIC):
        return "legacy"
    if path.suffix == SUFFIXES[0] or head[8:9] == b"{":
        return "safetensors"
    expected = "was not written by torch" if path.suffix in SUFFIXES else "is not a weight file"
    raise CheckpointUnreadable(
        f"{path} {expected}; supported are .safetensors, and files of torch.save ({', '.join(SUFFIXES[1:])})"
    )


def _check_archive(path: Path) -> None:
    """Raise `CheckpointUnreadable` for an archive of other files."""
    names = archive_names(path)
    if names and not any(name.endswith("data.pkl") for name in names):
        raise CheckpointUnreadable(
            f"{path} is a zip archive, of {names[0][:_QUOTED_CHARACTERS]!r} for example, not weights; unpack it"
        )


def _text(head: bytes) -> str | None:
    """Return the begin of a text in one line; `None` if the file is none."""
    if len(head) >= _HEAD_BYTES:
        return None
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    words = " ".join(text.split())
    return words[:_QUOTED_CHARACTERS] if words.isprintable() else None


def _gguf_architecture(head: bytes) -> str:
    """Return ` (quantized weights of NAME)`, where the file states it."""
    match = _GGUF_ARCHITECTURE.search(head)
    length = struct.unpack("<Q", match[1])[0] if match else 0
    name = head[match.end() : match.end() + length].decode("ascii", "replace") if match and length < 64 else ""
    return f" (quantized weights of {name!r})" if name else " (quantized weights)"
