"""Outage of a database that does not respond: while it lasts, one transaction at a time waits for it."""

import contextlib
from collections.abc import Generator


class Outage:
    """Lasts from an attempt that fails with `OSError`, such as `TimeoutError`, to one that succeeds."""

    def __init__(self) -> None:
        self._lasts = False
        self._is_probed = False

    @contextlib.contextmanager
    def attempt(self) -> Generator[None]:
        """Attempt what the block does. Raises `TimeoutError` at once if it would wait together with another attempt."""
        is_probe = self._lasts
        if is_probe and self._is_probed:
            raise TimeoutError
        self._is_probed = self._is_probed or is_probe
        try:
            yield
            self._lasts = False
        except OSError:
            self._lasts = True
            raise
        finally:
            if is_probe:
                self._is_probed = False
