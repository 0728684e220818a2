"""Object store in a folder: for one machine, or for several that mount the same folder."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects.folder.durable_files import create_once, make_folders, write_atomically
from renderq_shared.objects.folder.signing import is_signed, signed_path
from renderq_shared.objects.keys import check_key, check_prefix, is_key
from renderq_shared.objects.media_types import check_media_type, media_type
from renderq_shared.objects.store import ObjectInfo, SignedUrl

_CHUNK_BYTES = 256 * 1024

_PERMANENT_ERRNOS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT}
"""Errors that need a change of the folder or its permissions; a full disk or a lost mount may be transient."""

_INTERNAL_FOLDER = ".renderq"
"""Folder for the store's own files. No key can name it, because no key segment starts with a dot."""


class FolderStore:
    """Object store whose objects are files below `root`; the API serves them under signed URLs."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._internal = self.root / _INTERNAL_FOLDER
        self._scratch = self._internal / "unfinished"

    def __str__(self) -> str:
        return f"folder {self.root}"

    @property
    def id(self) -> str:
        """Random id stored in the folder, so that equal ids mean the same folder."""
        return self._id

    @cached_property
    def _id(self) -> str:
        return self._shared_secret("store-id", 0o644).decode()

    @cached_property
    def _signing_key(self) -> bytes:
        return self._shared_secret("signing-key", 0o600)

    def check(self) -> None:
        """Create the folder if it is missing, and write to it."""
        try:
            make_folders(self._scratch)
            write_atomically(self._internal / "last-check", b"", self._scratch)
            _ = self.id
        except (NotADirectoryError, FileExistsError) as error:
            raise ObjectStoreUnsuitable(f"{error.filename} is a file; the object store needs a folder") from error
        except OSError as error:
            error_type = ObjectStoreUnsuitable if error.errno in _PERMANENT_ERRNOS else ObjectStoreUnavailable
            raise error_type(
                f"{self.root} cannot be written: {error.strerror}; fix it, or set RENDERQ_STORE to another folder"
            ) from error

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

    def signed_url(self, key: str, expires_s: int) -> SignedUrl:
        expires = int(time.time()) + expires_s
        path = signed_path(self._signing_key, check_key(key), expires)
        return SignedUrl(path, datetime.fromtimestamp(expires, UTC))

    def is_signed(self, key: str, expires: int, signature: str) -> bool:
        """Return whether `signed_url` made this signature for this key and expiry."""
        return is_signed(self._signing_key, key, expires, signature)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _shared_secret(self, name: str, mode: int) -> bytes:
        """Return 32 random bytes in hex, created by the first process and shared by all."""
        path = self._internal / name
        try:
            make_folders(self._scratch)
            if not path.exists():
                create_once(path, secrets.token_hex(32).encode(), self._scratch, mode)
            return path.read_bytes()
        except OSError as error:
            raise ObjectStoreUnavailable(f"{path} cannot be read or created: {error.strerror}") from error


def _raise_unless_missing(error: OSError) -> None:
    """Ignore a folder that is deleted during the listing."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ObjectStoreUnavailable(f"{error.filename} cannot be listed: {error.strerror}") from error
