"""Outages in the log: every cause once, however many attempts fail."""

import re
import time
from math import inf

_MAX_CAUSES = 8
"""Causes of one outage that are logged."""

_CHANGING = re.compile(r"\b[0-9a-f]{8,}\b(?:, )?|\d+")
"""Parts of a message that differ between two errors of the same cause: ids, ports, durations."""


class Outage:
    """The causes seen since something last worked."""

    def __init__(self, steady_s: float = inf) -> None:
        """`steady_s`: seconds without an error after which the next one begins another outage."""
        self._steady_s = steady_s
        self._causes: set[str] = set()
        self._failed_at = -inf

    def has_new_cause(self, error: object) -> bool:
        """Note an error. Return whether it has a cause that is new in this outage, and so is to be logged."""
        now = time.monotonic()
        if now - self._failed_at > self._steady_s:
            self._causes.clear()
        self._failed_at = now
        cause = _CHANGING.sub("", f"{type(error).__name__}: {error}")
        if cause in self._causes or len(self._causes) >= _MAX_CAUSES:
            return False
        self._causes.add(cause)
        return True

    def end(self) -> bool:
        """Note that it works. Return whether there was an outage."""
        was_failing = bool(self._causes)
        self._causes.clear()
        return was_failing
