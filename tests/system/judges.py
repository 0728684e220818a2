"""Clients of other services in an environment of their own, which `make judges` installs."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

_PYTHON = Path(__file__).parents[2] / ".judges" / "bin" / "python"

_TIMEOUT_S = 240


def run_judge(name: str, *arguments: str) -> Any:
    """Run a script of this folder by the Python of the judges; return what it prints, which is JSON.

    Skips the test without the environment, which needs a network to be made.
    """
    if not _PYTHON.exists():
        pytest.skip("the judges are not installed: make judges")
    command = [str(_PYTHON), str(Path(__file__).with_name(name)), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])
