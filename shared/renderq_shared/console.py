"""Standard output and standard error that may have become unwritable: a full disk, a reader that has left."""

import os
import sys
from typing import TextIO


def write_line(stream: TextIO | None, line: str) -> None:
    """Write and flush a line; drop it if that is impossible. `None` is a stream that was closed at start."""
    if stream is None:
        return
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except (OSError, ValueError):
        pass


def flush_or_discard() -> None:
    """Flush both streams, before the process exits; discard what cannot be written.

    Otherwise the interpreter would flush again, fail, and exit with code 120.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
