"""The installed version, read when somebody asks."""

from importlib import metadata


def version() -> str:
    """The version of the installed distribution, e.g. `0.1.0`."""
    return metadata.version("renderq")
