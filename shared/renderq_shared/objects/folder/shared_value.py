"""Random values in private files, which all processes of a folder share."""

import secrets
from pathlib import Path

from renderq_shared.errors import ObjectStoreUnavailable
from renderq_shared.objects.folder.durable_files import create_once, make_folders


class SharedValue:
    """32 random bytes in hex, created by the first process. Read once; `refresh` reads it again."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self._path = path
        self._scratch = scratch
        self._known: bytes | None = None

    def read(self) -> bytes | None:
        """Return the value; `None` if no process has created it. Raises `ObjectStoreUnavailable`."""
        if self._known is None:
            self._known = self._read()
        return self._known

    def get(self) -> bytes:
        """Return the value, created if it is missing. Raises `ObjectStoreUnavailable`."""
        return self.read() or self._create(secrets.token_hex(32).encode())

    def refresh(self) -> None:
        """Read a known value again; restore it if the file is gone. Raises `ObjectStoreUnavailable`."""
        if self._known is not None:
            self._known = self._read() or self._create(self._known)

    def _create(self, value: bytes) -> bytes:
        """Create the file unless another process is faster; return the value that it holds."""
        try:
            make_folders(self._scratch)
            create_once(self._path, value, self._scratch)
            self._known = self._path.read_bytes()
        except OSError as error:
            raise self._unavailable(error) from error
        return self._known

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> ObjectStoreUnavailable:
        return ObjectStoreUnavailable(f"{self._path} cannot be read or created: {error.strerror}")
