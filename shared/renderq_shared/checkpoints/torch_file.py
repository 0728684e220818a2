"""Tensors of a file that `torch.save` wrote: a zip archive, or the format before torch 1.6.

archive  NAME/data.pkl is a pickle, NAME/data/KEY the elements of a storage, uncompressed
legacy   pickles one after another: magic number, version, machine, content, keys; then each storage with its length
"""

import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from renderq_shared.checkpoints import pickle_index
from renderq_shared.checkpoints.pickle_index import Pickle, RunsCode, StoredTensor
from renderq_shared.checkpoints.tensor import ITEM_BYTES, TensorInfo
from renderq_shared.errors import CheckpointUnreadable

ARCHIVE_MAGIC, LEGACY_MAGIC = b"PK\x03\x04", b"\x80\x02\x8a\x0a"
"""First bytes: of a zip archive, and of a pickled number of ten bytes."""
_LEGACY_NUMBER, _LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001

_MAX_READ_BYTES = 16_000_000
"""Bound of one read, e.g. of an archive's directory; Stable Diffusion's has 0.1 MB."""


@dataclass(frozen=True, slots=True)
class TorchFile:
    """What a file of `torch.save` contains."""

    tensors: Mapping[str, TensorInfo]
    others: tuple[str, ...]
    """Keys of what is not a tensor."""
    stand_ins: tuple[str, ...]
    """Names of objects of training frameworks, for which inert objects can stand."""


def read(path: Path, *, is_archive: bool) -> TorchFile:
    """Return the content. Raises `CheckpointUnreadable` for another format, a damaged file, or one that runs code."""
    read = _pickle(path, is_archive=is_archive)
    entries = state_dict(read.content)
    tensors = {
        name: TensorInfo(value.shape, value.dtype)
        for name, value in entries.items()
        if isinstance(name, str) and isinstance(value, StoredTensor)
    }
    others = tuple(str(name) for name in entries if isinstance(name, str | int) and name not in tensors)
    return TorchFile(tensors, others, read.stand_ins)


def archive_names(path: Path) -> tuple[str, ...]:
    """Return the names in a zip archive; none if its directory cannot be read."""
    try:
        with _BoundedReader(FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            return tuple(archive.namelist())
    except Exception:  # a damaged directory can raise anything; reading the file says what is wrong
        return ()


def state_dict(content: object) -> Mapping[Any, Any]:
    """Return the innermost `state_dict`: training frameworks nest it in a larger dictionary."""
    seen = set[int]()  # a dictionary may contain itself
    while isinstance(content, Mapping) and "state_dict" in content and id(content) not in seen:
        seen.add(id(content))
        content = content["state_dict"]
    return content if isinstance(content, Mapping) else {}


def _pickle(path: Path, *, is_archive: bool) -> Pickle:
    try:
        with _BoundedReader(FileIO(path)) as file:
            return _read_archive(file) if is_archive else _read_legacy(file, path.stat().st_size)
    except OSError:
        raise
    except RunsCode as error:
        raise CheckpointUnreadable(
            f"{path} references {str(error)!r}: loading it would run code, so it is refused; use a .safetensors "
            "version of the model"
        ) from error
    except zipfile.BadZipFile as error:
        raise CheckpointUnreadable(f"{path} is truncated or damaged ({error}); download it again") from error
    except Exception as error:  # a damaged pickle can raise anything
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise CheckpointUnreadable(f"{path} is damaged ({reason}); download it again") from error


class _BoundedReader(BufferedReader):
    """Reader that reads no more at once than a harmless file needs."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(_MAX_READ_BYTES + 1 if size is None or size < 0 else min(size, _MAX_READ_BYTES + 1))
        if len(data) > _MAX_READ_BYTES:
            raise zipfile.BadZipFile("directory too large")
        return data


def _read_archive(file: _BoundedReader) -> Pickle:
    with zipfile.ZipFile(file) as archive:
        records = {info.filename: info for info in archive.infolist()}
        folder = next(iter(records)).partition("/")[0]
        if f"{folder}/constants.pkl" in records:
            raise zipfile.BadZipFile("it is a TorchScript program")
        are_in_folder = all(name.startswith(f"{folder}/") and name.isascii() for name in records)
        if not are_in_folder or len(records) != len(archive.infolist()) or f"{folder}/version" not in records:
            raise zipfile.BadZipFile("its records are not those of torch.save")
        for info in records.values():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise zipfile.BadZipFile("its records are compressed")
            archive.open(info).close()  # compares the record's own header with the directory
        with archive.open(f"{folder}/data.pkl") as program:
            read = pickle_index.read(program)
            program.read()  # reads to the end, where the checksum is compared
        for storage in read.storages.values():
            info = records.get(f"{folder}/data/{storage.key}")
            if info is None or info.file_size != storage.numel * ITEM_BYTES[storage.dtype]:
                raise zipfile.BadZipFile(f"storage {storage.key!r} is missing or has another size")
    return read


def _read_legacy(file: _BoundedReader, size: int) -> Pickle:
    if pickle_index.read(file).content != _LEGACY_NUMBER or pickle_index.read(file).content != _LEGACY_VERSION:
        raise pickle.UnpicklingError("not a file of torch")
    pickle_index.read(file)  # the machine that wrote it
    read = pickle_index.read(file)
    keys = pickle_index.read(file).content
    if not isinstance(keys, list) or set(keys) != set(read.storages):
        raise pickle.UnpicklingError("storages are missing")
    for key in keys:
        storage = read.storages[key]
        if file.read(8) != struct.pack("<q", storage.numel):
            raise pickle.UnpicklingError(f"storage {key!r} has another size")
        file.seek(storage.numel * ITEM_BYTES[storage.dtype], 1)
    if file.tell() > size:
        raise pickle.UnpicklingError("it ends within a storage")
    return read
