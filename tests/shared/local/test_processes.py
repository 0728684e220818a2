"""Supervised processes are restarted when they die, stopped on request, and never orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from renderq_shared.local.processes import EXIT_CONFIG, ProcessSpec, StartupRejected, SupervisedProcess


class Lines:
    """Lines that processes printed; `until` waits for one."""

    def __init__(self) -> None:
        self.printed: list[str] = []
        self._changed = asyncio.Event()

    def __call__(self, name: str, text: str) -> None:
        self.printed.append(f"{name}: {text}")
        self._changed.set()

    async def until(self, text: str, times: int = 1) -> None:
        while self.count(text) < times:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), 30)

    def count(self, text: str) -> int:
        return sum(text in line for line in self.printed)


def python(script: str, stop_seconds: float = 10, stdin: bytes = b"") -> ProcessSpec:
    return ProcessSpec("part", (sys.executable, "-uc", script), dict(os.environ), stop_seconds, stdin)


async def test_prints_its_lines_behind_its_name() -> None:
    lines = Lines()
    child = SupervisedProcess(
        python("import sys; print('one'); print('two', file=sys.stderr); sys.stdin.read(); exit(2)"), lines
    )
    with pytest.raises(StartupRejected, match="part cannot start"):
        await child.run()
    assert lines.printed == ["part: one", "part: two"]


async def test_reads_its_standard_input() -> None:
    lines = Lines()
    child = SupervisedProcess(python(f"print(input()); exit({EXIT_CONFIG})", stdin=b"secret\n"), lines)
    with pytest.raises(StartupRejected):
        await child.run()
    assert lines.printed == ["part: secret"]


async def test_a_line_without_end_costs_a_line() -> None:
    lines = Lines()
    child = SupervisedProcess(python(f"print('x' * {3 << 20}); print('next'); exit({EXIT_CONFIG})"), lines)
    with pytest.raises(StartupRejected):
        await asyncio.wait_for(child.run(), 30)
    assert lines.printed[-1] == "part: next"
    assert any("was left out" in line for line in lines.printed)


async def test_is_started_again_when_it_dies() -> None:
    lines = Lines()
    child = SupervisedProcess(python("import os, signal; print('up'); os.kill(os.getpid(), signal.SIGKILL)"), lines)
    running = asyncio.create_task(child.run())
    await lines.until("part: up", times=3)
    assert "part: exited with signal SIGKILL; restarting in 0.2 s" in lines.printed
    await child.stop()
    await asyncio.wait_for(running, 10)


async def test_is_started_again_once_its_program_is_back(tmp_path: Path) -> None:
    """Such as after an update in place. A machine without memory for another process fails the same way."""
    program, away = tmp_path / "program", tmp_path / "away"
    program.write_text("#!/bin/sh\necho started\nread line\n")
    program.chmod(0o700)
    lines = Lines()
    child = SupervisedProcess(ProcessSpec("part", (str(program),), dict(os.environ), 10), lines)
    running = asyncio.create_task(child.run())
    await lines.until("started")
    program.rename(away)
    await lines.until("cannot be started: [Errno 2]")
    away.rename(program)
    await lines.until("started", times=lines.count("started") + 1)
    await child.stop()
    await running


async def test_a_program_that_does_not_exist_ends_it(tmp_path: Path) -> None:
    child = SupervisedProcess(ProcessSpec("part", (str(tmp_path / "program"),), {}, 10), Lines())
    with pytest.raises(FileNotFoundError):
        await child.run()


async def test_stop_asks_first() -> None:
    lines = Lines()
    script = "import signal, sys; signal.signal(15, lambda *_: (print('bye'), sys.exit())); print('up'); signal.pause()"
    child = SupervisedProcess(python(script), lines)
    running = asyncio.create_task(child.run())
    await lines.until("part: up")
    await child.stop()
    await asyncio.wait_for(running, 10)
    assert lines.printed == ["part: up", "part: bye"]


async def test_stop_kills_what_does_not_listen() -> None:
    lines = Lines()
    script = "import signal; signal.signal(15, signal.SIG_IGN); print('up'); signal.pause()"
    child = SupervisedProcess(python(script, stop_seconds=0.1), lines)
    running = asyncio.create_task(child.run())
    await lines.until("part: up")
    await child.stop()
    await asyncio.wait_for(running, 10)
    assert lines.printed[-1] == "part: did not exit within 0.1 s; killing it"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a child when its parent dies")
def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    """The supervisor, in a separate process, is killed with SIGKILL: its child exits."""
    script = """
import asyncio, os, sys
from renderq_shared.local.processes import ProcessSpec, SupervisedProcess
spec = ProcessSpec("part", (sys.executable, "-uc", "import os, signal; print(os.getpid()); signal.pause()"),
                 dict(os.environ), 10)
def print_line(name, text):
    os.write(1, text.encode() + b"\\n")
asyncio.run(SupervisedProcess(spec, print_line).run())
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.send_signal(signal.SIGKILL)
        child.wait(timeout=30)
    assert not child.is_running()
