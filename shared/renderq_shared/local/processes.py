"""Child processes: started, read line by line, restarted when they die, ended in good order."""

import asyncio
import contextlib
import ctypes
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

EXIT_CONFIG = 2
"""Exit code of a process that cannot start as it is configured: starting it again would not help."""

_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_HEALTHY_AFTER_S = 30.0
_LINE_LIMIT = 1 << 20

PrintLine = Callable[[str, str], None]
"""Takes the child's name and a line of its output."""


class ConfigurationRejected(Exception):
    """A child cannot start as it is configured; its own output says why."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stop_seconds: float
    """Time between SIGTERM and SIGKILL."""
    stdin: bytes = b""


class SupervisedProcess:
    """One supervised process. `run` keeps it alive until `stop`."""

    def __init__(self, spec: ProcessSpec, print_line: PrintLine) -> None:
        self._spec = spec
        self._print_line = print_line
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Start it, and again whenever it ends, with growing pauses.

        Raises `ConfigurationRejected` when it exits with `REFUSED`.
        """
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if code == EXIT_CONFIG:
                raise ConfigurationRejected(f"{self._spec.name} cannot start; its last lines say why")
            failures = 1 if time.monotonic() - started > _HEALTHY_AFTER_S else failures + 1
            pause = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
            self._print_line(self._spec.name, f"ended with {_describe(code)}; starting it again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not end it in time."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._spec.stop_seconds)
        except TimeoutError:
            self._print_line(self._spec.name, f"did not end within {self._spec.stop_seconds:g} s; killing it")
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
            # Ctrl-C reaches the whole foreground group; only the supervisor may act on it.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        if self._stopping.is_set():  # `stop` came while the process was being created
            process.terminate()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("both were asked for as pipes")
        stdin.write(self._spec.stdin)
        stdin.close()
        async for line in stdout:
            self._print_line(self._spec.name, line.decode(errors="replace").rstrip("\n"))
        return await process.wait()


def _die_with_parent() -> None:
    """Ask Linux to end this child when the supervisor is killed, so that nothing outlives it unseen."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
