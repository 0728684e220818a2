"""Supervised child processes: output read line by line, restart with backoff, graceful stop."""

import asyncio
import contextlib
import ctypes
import re
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


class StartupRejected(Exception):
    """A process cannot start with its configuration or its data, which a restart does not change."""


class ConfigurationRejected(StartupRejected):
    """A process has exited with `EXIT_CONFIG`."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """Command line, environment and stop timeout of a process."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    stop_seconds: float
    """Time between SIGTERM and SIGKILL."""
    stdin: bytes = b""
    startup: "Startup | None" = None
    """`None`: only `EXIT_CONFIG` means that a restart is useless."""


@dataclass(frozen=True, slots=True)
class Startup:
    """Signs in the output of a process that cannot start: it exits by itself before it is ready."""

    ready: str
    """Part of the line that it prints once it is ready."""
    complaint: re.Pattern[str]
    """Matches a line that says what is wrong; its first group is the reason."""
    remedy: str


class SupervisedProcess:
    """One supervised process, which `run` keeps alive until `stop`."""

    def __init__(self, spec: ProcessSpec, print_line: PrintLine) -> None:
        self._spec = spec
        self._print_line = print_line
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._is_ready = False
        self._complaint: str | None = None
        """The latest line that says what is wrong."""
        self._last_line = ""

    async def run(self) -> None:
        """Start the process, and restart it with growing delays whenever it exits.

        Raises `StartupRejected` when a restart is useless, `OSError` if the first start fails.
        """
        failures, has_started = 0, False
        while not self._stopping.is_set():
            started = time.monotonic()
            self._is_ready, self._complaint = False, None
            try:
                code = await self._run_once()
            except OSError as error:  # no memory for another process, or the program is being updated
                if not has_started:
                    raise
                ending = f"cannot be started: {error}"
            else:
                if self._stopping.is_set():
                    return
                self._raise_if_rejected(code)
                has_started, ending = True, f"exited with {_describe(code)}"
            failures = 1 if time.monotonic() - started > _HEALTHY_AFTER_S else failures + 1
            delay = _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]
            self._print_line(self._spec.name, f"{ending}; restarting in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    def _raise_if_rejected(self, code: int) -> None:
        """Raise `StartupRejected` if a process that exited with `code` would do so again."""
        if code == EXIT_CONFIG:
            raise ConfigurationRejected(f"{self._spec.name} cannot start: {self._last_line or 'it does not say why'}")
        if self._spec.startup is not None and not self._is_ready and code > 0:
            reason = self._complaint or "see its last lines of output"
            raise StartupRejected(f"{self._spec.name} cannot start: {reason}{self._spec.startup.remedy}")

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if the process does not exit within `stop_seconds`.

        A process that is known not to be ready yet has nothing to finish, and may be deaf to SIGTERM: it is killed.
        """
        self._stopping.set()
        process = self._process
        if process is None:
            return
        if self._spec.startup is not None and not self._is_ready:
            self.kill()
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
        while line := await _read_line(stdout):
            text = line.decode(errors="replace").rstrip("\n")
            self._last_line = text
            self._note(text)
            self._print_line(self._spec.name, text)
        return await process.wait()

    def _note(self, line: str) -> None:
        """Note what a line says about the start of the process."""
        if (startup := self._spec.startup) is None or self._is_ready:
            return
        self._is_ready = startup.ready in line
        if complaint := startup.complaint.search(line):
            self._complaint = complaint[1]


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    """Return the next line, or nothing at the end."""
    try:
        return await stream.readline()
    except ValueError:
        return f"… a line of more than {_LINE_LIMIT:,} bytes was left out\n".encode()


def _exit_with_parent() -> None:
    """Have Linux terminate this process when the supervisor is killed, so that it is not orphaned."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    return f"signal {signal.Signals(-code).name if -code in set(signal.Signals) else -code}"
