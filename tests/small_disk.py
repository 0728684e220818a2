"""A disk of its own for a folder, small enough to be really full."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path


class SmallDisk:
    """A mounted disk; only the superuser may mount one."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        self.is_mounted = os.geteuid() == 0 and not subprocess.run(mount, capture_output=True, check=False).returncode

    def fill(self) -> None:
        """Use all space that is left."""
        assert self.is_mounted
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while file.write(bytes(1 << 20)):
                pass

    def free(self) -> None:
        """Free what `fill` has used."""
        self._filler.unlink()

    def close(self) -> None:
        if self.is_mounted:
            subprocess.run(["umount", str(self.folder)], check=True)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"
