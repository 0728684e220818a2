"""Files that are whole or absent, and stay after a power cut."""

import os
import secrets
from pathlib import Path


def write_atomically(path: Path, data: bytes, scratch: Path) -> None:
    """Write to a file in `scratch` (same file system), make it durable, and move it to `path`.

    Replaces what was there, and makes missing folders. Raises `OSError`.
    """
    temporary = _write_temporary(scratch, data, mode=0o644)
    try:
        _move(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def create_once(path: Path, data: bytes, scratch: Path, mode: int) -> None:
    """Like `write_atomically`, but the first of several writers wins and the others change nothing."""
    temporary = _write_temporary(scratch, data, mode)
    try:
        # A link, unlike a rename, never replaces; and unlike O_EXCL it shows the file only with its content.
        path.hardlink_to(temporary)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
    sync_folder(path.parent)


def make_folders(path: Path) -> None:
    """Make a folder and its missing parents, each of them durable."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_temporary(scratch: Path, data: bytes, mode: int) -> Path:
    temporary = scratch / secrets.token_hex(16)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _move(temporary: Path, path: Path) -> None:
    for tries_left in reversed(range(10)):
        try:
            make_folders(path.parent)
            temporary.replace(path)
        except FileNotFoundError:
            # Somebody removed the folder in between, as `delete_prefix` does.
            if not tries_left:
                raise
        else:
            return
