"""Processes of the service as operators start them; they can be killed, frozen and restarted."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

START_S = 90.0

_SKEWED = """
import datetime, runpy, sys, time
skew = float(sys.argv.pop(1))
real, real_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: real() + skew, lambda: real_ns() + int(skew * 1e9)
runpy.run_module("renderq", run_name="__main__", alter_sys=True)
"""
"""Clock skew of a host in seconds, as our own code reads the clock."""


class ServiceProcess:
    """`renderq ...` in a process of its own; it prints a line when it is ready."""

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str], ready: str, log: Path, skew_s: float = 0.0
    ) -> None:
        program = ["-c", _SKEWED, str(skew_s)] if skew_s else ["-m", "renderq"]
        self._argv = [sys.executable, *program, *arguments]
        self._env = {**os.environ, "OMP_NUM_THREADS": "1", "RENDERQ_LOG_FORMAT": "json", **env}
        self._ready = ready
        self._log = log
        self.ready_line = ""
        """The line that reported readiness."""

    def start(self) -> None:
        """Wait until it is ready."""
        self._process = subprocess.Popen(
            self._argv, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        is_ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, is_ready), daemon=True)
        self._reader.start()
        assert is_ready.wait(START_S), self._log.read_text()
        assert self.ready_line, self._log.read_text()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Send SIGTERM, then SIGKILL after a timeout."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self, process: subprocess.Popen[str], is_ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout, self._log.open("a") as log:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if self._ready in line and not is_ready.is_set():
                    self.ready_line = line
                    is_ready.set()
        is_ready.set()
