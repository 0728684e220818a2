"""Atomic and durable files: complete or absent, even after a power failure. Only their owner can read them."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_atomically(path: Path, data: bytes, scratch: Path) -> None:
    """Write to a temporary file in `scratch` (on the same file system), sync it, and rename it to `path`.

    Replaces an existing file and creates missing folders. Raises `OSError`.
    """
    temporary = _write_temporary(scratch, data)
    try:
        _move(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_once(path: Path, data: bytes, scratch: Path) -> None:
    """Create a file like `write_atomically`, but leave an existing one: the first of several writers wins."""
    temporary = _write_temporary(scratch, data)
    try:
        # A link never replaces a file, unlike a rename, and never exposes an empty one, unlike O_EXCL.
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def make_folders(path: Path) -> None:
    """Create a folder and its missing parents, and sync each of them."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True, mode=0o700)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def delete_older(folder: Path, before: float) -> None:
    """Delete the files of a folder that were last written before a time in seconds since the epoch."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # its writer has just finished
            if path.stat().st_mtime < before:
                path.unlink()


def _write_temporary(scratch: Path, data: bytes) -> Path:
    temporary = scratch / secrets.token_hex(16)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _move(temporary: Path, path: Path) -> None:
    for retries_left in reversed(range(10)):
        try:
            make_folders(path.parent)
            temporary.replace(path)
        except FileNotFoundError:
            # `delete_prefix` may remove the folder before the rename.
            if not retries_left:
                raise
        else:
            return
