"""Version of the installed distribution, read on demand."""


def version() -> str:
    """Return the version, e.g. `0.1.0`."""
    from importlib import metadata  # slow to import, and most commands never ask

    return metadata.version("renderq")
