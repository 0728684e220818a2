"""Memory of this process."""

import resource
from pathlib import Path


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
