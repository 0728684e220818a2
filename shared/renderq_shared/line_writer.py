"""Output written by a thread of its own: a reader that stalls or leaves, or a full disk, costs lines, nothing else."""

import contextlib
import io
import os
import queue
import select
import threading
from typing import TextIO

MAX_LINES = 10_000
"""Lines that wait for a reader that stalls; further ones are dropped."""


class LineWriter:
    """Writes lines in order. Its methods are for one thread at a time."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[tuple[TextIO | None, str] | threading.Event | None] = queue.SimpleQueue()
        self._dropped = 0
        threading.Thread(target=self._write_all, name="output", daemon=True).start()

    def write(self, stream: TextIO | None, line: str) -> None:
        """Write a line. Never blocks. `None` is a stream that was closed at start."""
        if self._is_full:
            self._dropped += 1
        else:
            self._items.put((stream, line))

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call; 0 until there is room to say so."""
        if self._is_full:
            return 0
        dropped, self._dropped = self._dropped, 0
        return dropped

    def flush(self, timeout_s: float) -> None:
        """Wait until all lines are written, for at most `timeout_s`."""
        written = threading.Event()
        self._items.put(written)
        written.wait(timeout_s)

    def close(self) -> None:
        """End the thread after the lines so far. The process does not wait for it."""
        self._items.put(None)

    @property
    def _is_full(self) -> bool:
        return self._items.qsize() >= MAX_LINES

    def _write_all(self) -> None:
        while (item := self._items.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
            else:
                _write(*item)


def _write(stream: TextIO | None, line: str) -> None:
    """Write a line; drop it if that is impossible."""
    if stream is None:
        return
    with contextlib.suppress(OSError, ValueError):
        try:
            descriptor = stream.fileno()
        except io.UnsupportedOperation:  # a stream in memory
            stream.write(f"{line}\n")
            return
        # Not through the stream: its lock would stay held while the reader stalls, and block the end of the process.
        _write_bytes(descriptor, f"{line}\n".encode(stream.encoding or "utf-8", "backslashreplace"))


def _write_bytes(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
