"""Clients of other services in environments of their own, one of Python and one of Node.js: `make judges`."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.page.node import NODE

_FOLDER = Path(__file__).parent
_JAVASCRIPT = _FOLDER / "javascript"
_PYTHON = _FOLDER.parents[1] / ".judges" / "bin" / "python"

_TIMEOUT_S = 240


def run_judge(name: str, *arguments: str) -> Any:
    """Run a Python script of this folder by the Python of the judges; return what it prints, which is JSON.

    Skips the test without the environment, which needs a network to be made. In CI the test fails instead.
    """
    return _run(_PYTHON, _PYTHON, _FOLDER / name, *arguments)


def run_javascript_judge(name: str, *arguments: str) -> Any:
    """Run a script of `javascript/` by Node.js with the packages of that folder; otherwise as `run_judge`."""
    return _run(_JAVASCRIPT / "node_modules", NODE, _JAVASCRIPT / name, *arguments)


def _run(environment: Path, *command: str | Path) -> Any:
    if not environment.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the judges are not installed: make judges")
    run = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])
