"""Version of the installed distribution, read on demand."""

from importlib import metadata


def version() -> str:
    """Return the version, e.g. `0.1.0`."""
    return metadata.version("renderq")
