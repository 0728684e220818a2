"""Polling for a condition."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0


def wait_until(condition: Callable[[], Any], description: str = "the condition", timeout_s: float = TIMEOUT_S) -> Any:
    """Wait until the condition returns a true value; return that value."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {description}"
        time.sleep(0.01)
    return result


def files_in(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, from which a server may be deleting: `Path.rglob` fails then."""
    return [f"{path}/{name}" for path, _, names in os.walk(folder) for name in names]
