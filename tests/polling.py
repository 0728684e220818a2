"""Polling for a condition."""

import time
from collections.abc import Callable
from typing import Any

TIMEOUT_S = 60.0


def wait_until(condition: Callable[[], Any], description: str = "the condition", timeout_s: float = TIMEOUT_S) -> Any:
    """Wait until the condition returns a true value; return that value."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {description}"
        time.sleep(0.01)
    return result
