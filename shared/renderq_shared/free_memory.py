"""Free memory of this machine."""

from pathlib import Path


def free_memory() -> int:
    """Return the memory that processes can allocate without swapping, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    raise RuntimeError("/proc/meminfo has no MemAvailable; use Linux 3.14 or newer")
