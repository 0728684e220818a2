"""A folder as object store: for one machine, or for several that mount the same folder."""

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
"""Errors that stay until somebody changes the folder or its rights; a full disk or a lost mount may pass."""

_PRIVATE = ".renderq"
"""Holds what is ours; no key can name it, because no segment of a key starts with a dot."""


class FolderStore:
    """Objects are files below `root`, written whole and durable; the API serves them through signed addresses."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._private = self.root / _PRIVATE
        self._scratch = self._private / "unfinished"

    def __str__(self) -> str:
        return f"folder {self.root}"

    @property
    def id(self) -> str:
        """A random name that the folder carries: whoever reads the same one sees the same folder."""
        return self._id

    @cached_property
    def _id(self) -> str:
        return self._shared_secret("store-id", 0o644).decode()

    @cached_property
    def _signing_key(self) -> bytes:
        return self._shared_secret("signing-key", 0o600)

    def check(self) -> None:
        """Make the folder if need be, and write to it."""
        try:
            make_folders(self._scratch)
            write_atomically(self._private / "last-check", b"", self._scratch)
            _ = self.id
        except (NotADirectoryError, FileExistsError) as error:
            raise ObjectStoreUnsuitable(f"{error.filename} is a file; the object store needs a folder") from error
        except OSError as error:
            fault = ObjectStoreUnsuitable if error.errno in _PERMANENT_ERRNOS else ObjectStoreUnavailable
            raise fault(
                f"{self.root} cannot be written: {error.strerror}; mend it, or choose another folder with RENDERQ_STORE"
            ) from error

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Raises `ValueError` where the key's extension says another content type: nothing else records it."""
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
        # A replacement is a new file with a new inode, so this names the content without reading it.
        return ObjectInfo(stat.st_size, media_type(key), etag=f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}")

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        path = self._path(key)
        try:
            with path.open("rb") as file:
                file.seek(start)
                left = (os.fstat(file.fileno()).st_size if end is None else end) - start
                while left > 0 and (chunk := file.read(min(left, _CHUNK_BYTES))):
                    left -= len(chunk)
                    yield chunk
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectNotFound(key) from error
        except OSError as error:
            raise ObjectStoreUnavailable(f"{path} cannot be read: {error.strerror}") from error

    def keys(self, prefix: str) -> Iterator[str]:
        for folder, _, names in os.walk(self.root / check_prefix(prefix), onerror=_not_listed):
            place = Path(folder).relative_to(self.root)
            yield from (key for name in names if is_key(key := (place / name).as_posix()))

    def delete_prefix(self, prefix: str) -> int:
        folder = self.root / check_prefix(prefix)
        try:
            count = sum(len(files) for _, _, files in os.walk(folder))
            shutil.rmtree(folder)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise ObjectStoreUnavailable(f"{folder} cannot be removed: {error.strerror}") from error
        return count

    def signed_url(self, key: str, expires_s: int) -> SignedUrl:
        expires = int(time.time()) + expires_s
        path = signed_path(self._signing_key, check_key(key), expires)
        return SignedUrl(path, datetime.fromtimestamp(expires, UTC))

    def is_signed(self, key: str, expires: int, signature: str) -> bool:
        """Whether `signed_url` has made this signature for this key and expiry."""
        return is_signed(self._signing_key, key, expires, signature)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _shared_secret(self, name: str, mode: int) -> bytes:
        """32 random bytes in hex, made by whoever comes first and read by all."""
        path = self._private / name
        try:
            make_folders(self._scratch)
            if not path.exists():
                create_once(path, secrets.token_hex(32).encode(), self._scratch, mode)
            return path.read_bytes()
        except OSError as error:
            raise ObjectStoreUnavailable(f"{path} cannot be read or made: {error.strerror}") from error


def _not_listed(error: OSError) -> None:
    """A folder that has vanished has nothing to list."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise ObjectStoreUnavailable(f"{error.filename} cannot be listed: {error.strerror}") from error
