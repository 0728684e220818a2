"""Runs `renderq` as a process of its own, as a shell would."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "renderq", *arguments]


def restore_sigint() -> None:
    """Restore SIGINT in the child: it is ignored if the tests run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(
    *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; stdout and stderr are captured unless `settings` say otherwise."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **settings}
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command(*arguments), cwd=cwd, env=environment, check=False, timeout=60, **streams)


def redirected(redirection: str, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with the redirection of a shell: `>&-`, `>/dev/full`."""
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command(*arguments)]
    return subprocess.run(shell, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
