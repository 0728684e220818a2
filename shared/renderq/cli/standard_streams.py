"""Standard streams of the process: closed ones, characters that cannot be encoded, errors while flushing."""

import contextlib
import io
import os
import sys
from typing import TextIO


def prepare() -> None:
    """Reopen closed streams, so that no file or socket takes their place; replace characters that cannot be encoded.

    Reading or writing a stream that was closed raises `OSError`, except that what is written to stderr is dropped.
    """
    _reopen(0, os.O_WRONLY)
    _reopen(1, os.O_RDONLY)
    _reopen(2, os.O_WRONLY)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def close() -> None:
    """Flush the streams. What cannot be written is dropped: else the interpreter reports it at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)


def discard(stream: TextIO) -> None:
    """Drop what a stream still buffers and what is written to it later."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _reopen(descriptor: int, flags: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        os.set_inheritable(os.open(os.devnull, flags), True)  # the lowest free number: this one
