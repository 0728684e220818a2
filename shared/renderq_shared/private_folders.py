"""Folders that only their owner can read, independent of the umask and of the modes that they had."""

import os
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE_UMASK = 0o077


class FolderNotPrivate(OSError):
    """Another user can read or replace what a folder holds."""


def secure_data_folder(data: Path) -> None:
    """Take the data folder, if it exists, and what older versions left in it away from other users.

    A folder of the superuser is accepted as it is, because volumes are mounted so; what renderq creates in it is
    private. Raises `FolderNotPrivate` if it belongs to another user, and `OSError`.
    """
    for folder in (data, data / "objects", data / "redis"):
        if folder.is_dir():
            _check_owner(folder)
            if not _is_public_place(folder):
                restrict(folder)
    for path in (data / "redis").rglob("*"):
        with suppress(FileNotFoundError):  # the running server has just replaced it
            restrict(path)


def restrict(path: Path) -> bool:
    """Take all rights on a file or folder from others; return false if they keep some of a foreign one.

    Does nothing to a foreign one without rights for others, and on a file system without modes. Raises `OSError`.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) or not found.st_mode & PRIVATE_UMASK:
        return True
    try:
        path.chmod(stat.S_IMODE(found.st_mode) & ~PRIVATE_UMASK)
    except PermissionError:
        return found.st_uid == os.geteuid()
    return True


def _check_owner(folder: Path) -> None:
    owner = folder.stat().st_uid
    if os.geteuid() != 0 and owner not in {0, os.geteuid()}:
        raise FolderNotPrivate(
            f"{folder} belongs to another user (uid {owner}), who can read and replace what is in it; give it to the "
            "user that runs renderq, or set RENDERQ_DATA (--data) to another folder"
        )


def _is_public_place(folder: Path) -> bool:
    """Return whether others need the folder itself: `/`, `/srv` and the like, or a sticky one as `/tmp`."""
    return len(folder.resolve().parts) <= 2 or bool(folder.stat().st_mode & stat.S_ISVTX)
