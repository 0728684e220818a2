"""Supervised child processes: output read line by line, restart with backoff, graceful stop."""

import asyncio
import contextlib
import ctypes
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

EXIT_CONFIG = 2
"""Exit code of a process with an invalid configuration, which a restart cannot fix."""

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_AFTER_S = 30.0
_LINE_LIMIT = 1 << 20

PrintLine = Callable[[str, str], None]
"""Called with the name of a process and a line of its output."""


class ConfigurationRejected(Exception):
    """A process rejected its configuration; its output says why."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """Command line, environment and stop timeout of a process."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stop_seconds: float
    """Time between SIGTERM and SIGKILL."""
    stdin: bytes = b""


class SupervisedProcess:
    """One supervised process, which `run` keeps alive until `stop`."""

    def __init__(self, spec: ProcessSpec, print_line: PrintLine) -> None:
        self._spec = spec
        self._print_line = print_line
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start the process, and restart it with growing delays whenever it exits.

        Raises `ConfigurationRejected` when it exits with `EXIT_CONFIG`.
        """
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if code == EXIT_CONFIG:
                raise ConfigurationRejected(f"{self._spec.name} cannot start; see its last lines of output")
            failures = 1 if time.monotonic() - started > _HEALTHY_AFTER_S else failures + 1
            delay = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
            self._print_line(self._spec.name, f"exited with {_describe(code)}; restarting in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if the process does not exit within `stop_seconds`."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._spec.stop_seconds)
        except TimeoutError:
            self._print_line(self._spec.name, f"did not exit within {self._spec.stop_seconds:g} s; killing it")
            self.kill()

    def kill(self) -> None:
        self._stopping.set()
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _run_once(self) -> int:
        self._process = process = await asyncio.create_subprocess_exec(
            *self._spec.argv,
            env=dict(self._spec.env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT,
            # Ctrl-C signals the whole foreground process group; only the supervisor must handle it.
            start_new_session=True,
            preexec_fn=_exit_with_parent if sys.platform == "linux" else None,
        )
        if self._stopping.is_set():  # `stop` was called while the process was being created
            process.terminate()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("stdin and stdout must be pipes")
        stdin.write(self._spec.stdin)
        stdin.close()
        async for line in stdout:
            self._print_line(self._spec.name, line.decode(errors="replace").rstrip("\n"))
        return await process.wait()


def _exit_with_parent() -> None:
    """Have Linux terminate this process when the supervisor is killed, so that it is not orphaned."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
