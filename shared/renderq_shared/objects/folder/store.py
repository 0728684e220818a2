"""Object store in a folder: for one machine, or for several that mount the same folder."""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects.folder.durable_files import delete_older, make_folders, write_atomically
from renderq_shared.objects.folder.shared_value import SharedValue
from renderq_shared.objects.keys import check_key, check_prefix, is_key
from renderq_shared.objects.media_types import check_media_type, media_type
from renderq_shared.objects.signed_paths import is_signed, signed_path
from renderq_shared.objects.store import ObjectInfo, SignedUrl
from renderq_shared.private_folders import restrict

_CHUNK_BYTES = 256 * 1024

_CHECK_BYTES = 64 * 1024
"""Size of the file that a check writes: a full disk may still take an empty one."""

_UNFINISHED_S = 3_600.0
"""A temporary file of this age was left by a process that was killed."""

_TOP_FOLDERS = ("assets", "jobs")

_PERMANENT_ERRNOS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT}
"""Errors that need a change of the folder or its permissions; a full disk or a lost mount may be transient."""

_INTERNAL_FOLDER = ".renderq"
"""Folder for the store's own files. No key can name it, because no key segment starts with a dot."""


class FolderStore:
    """Object store whose objects are files below `root`; the API serves them under signed URLs."""

    def __init__(self, root: Path, min_free_bytes: int = 0) -> None:
        """`min_free_bytes`: free space below which `check` calls the disk full."""
        self.root = root.absolute()
        self._min_free_bytes = min_free_bytes
        self._internal = self.root / _INTERNAL_FOLDER
        self._scratch = self._internal / "unfinished"
        self._id = SharedValue(self._internal / "store-id", self._scratch)
        self._signing_key = SharedValue(self._internal / "signing-key", self._scratch)

    def __str__(self) -> str:
        return f"folder {self.root}"

    @property
    def id(self) -> str:
        """Random id stored in the folder, so that equal ids mean the same folder."""
        return self._id.get().decode()

    def existing_id(self) -> str | None:
        found = self._id.read()
        return None if found is None else found.decode()

    def check(self) -> None:
        """Create the folder if it is missing, write to it, and delete what killed processes left unfinished.

        The id and the signing key of a folder that was emptied are restored; those of a folder that was exchanged are
        read again.
        """
        try:
            make_folders(self._scratch)
            self._restrict()
            written = self._internal / "last-check"
            write_atomically(written, bytes(_CHECK_BYTES), self._scratch)
            # By the clock of the file server, which may differ from ours.
            delete_older(self._scratch, written.stat().st_mtime - _UNFINISHED_S)
            self._check_free_space()
        except (NotADirectoryError, FileExistsError) as error:
            raise ObjectStoreUnsuitable(f"{error.filename} is a file; the object store needs a folder") from error
        except OSError as error:
            error_type = ObjectStoreUnsuitable if error.errno in _PERMANENT_ERRNOS else ObjectStoreUnavailable
            raise error_type(
                f"{self.root} cannot be written: {error.strerror}; fix it, or set RENDERQ_STORE to another folder"
            ) from error
        self._id.refresh()
        self._signing_key.refresh()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        path = self._path(key)
        check_media_type(key, content_type)
        try:
            make_folders(self._scratch)
            write_atomically(path, data, self._scratch)
        except OSError as error:
            raise ObjectStoreUnavailable(f"{path} cannot be written: {error.strerror}") from error

    def info(self, key: str) -> ObjectInfo:
        path = self._path(key)
        try:
            stat = path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectNotFound(key) from error
        except OSError as error:
            raise ObjectStoreUnavailable(f"{path} cannot be read: {error.strerror}") from error
        if path.is_dir():
            raise ObjectNotFound(key)
        # A replacement is a new inode, so this identifies the content without reading it.
        return ObjectInfo(stat.st_size, media_type(key), etag=f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}")

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                file.seek(start)
                remaining = (os.fstat(file.fileno()).st_size if end is None else end) - start
                while remaining > 0 and (chunk := file.read(min(remaining, _CHUNK_BYTES))):
                    remaining -= len(chunk)
                    yield chunk
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectNotFound(key) from error
        except OSError as error:
            raise ObjectStoreUnavailable(f"{path} cannot be read: {error.strerror}") from error

    def keys(self, prefix: str) -> Iterator[str]:
        for folder, _, names in os.walk(self.root / check_prefix(prefix), onerror=_raise_unless_missing):
            relative = Path(folder).relative_to(self.root)
            yield from (key for name in names if is_key(key := (relative / name).as_posix()))

    def delete_prefix(self, prefix: str) -> int:
        folder = self.root / check_prefix(prefix)
        try:
            count = sum(len(files) for _, _, files in os.walk(folder))
            shutil.rmtree(folder)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise ObjectStoreUnavailable(f"{folder} cannot be deleted: {error.strerror}") from error
        return count

    def signed_url(self, key: str, expires_s: int, disposition: str | None = None) -> SignedUrl:
        expires = int(time.time()) + expires_s
        path = signed_path(self._signing_key.get(), check_key(key), expires, disposition)
        return SignedUrl(path, datetime.fromtimestamp(expires, UTC))

    def is_signed(self, key: str, expires: int, signature: str, disposition: str | None = None) -> bool:
        """Return whether `signed_url` made this signature. Does not check the expiry."""
        return is_signed(self._signing_key.get(), key, expires, signature, disposition)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _restrict(self) -> None:
        """Take the folders of older versions away from other users."""
        for folder in (self._internal, self._scratch, *(self.root / name for name in _TOP_FOLDERS)):
            if folder.is_dir() and not restrict(folder):
                raise ObjectStoreUnsuitable(
                    f"{folder} is open to all users and belongs to another one (uid {folder.stat().st_uid}); give it "
                    "to the user that runs renderq, or set RENDERQ_STORE to another folder"
                )

    def _check_free_space(self) -> None:
        disk = os.statvfs(self.root)
        free = disk.f_bavail * disk.f_frsize
        if free < self._min_free_bytes:
            raise ObjectStoreUnavailable(
                f"the disk of {self.root} is full: {free // 1_000_000} MB are free, and "
                f"{self._min_free_bytes // 1_000_000} MB are required (RENDERQ_STORE_MIN_FREE_MB); make room"
            )


def _raise_unless_missing(error: OSError) -> None:
    """Ignore a folder that is deleted during the listing."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ObjectStoreUnavailable(f"{error.filename} cannot be listed: {error.strerror}") from error
