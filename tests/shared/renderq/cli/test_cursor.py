"""The cursor is visible again however a command with a progress bar ends."""

import math
import os
import pty
import signal
import subprocess
import sys

import pytest

from renderq import Client
from renderq.testing import FakeService, JobScript
from tests.shared.renderq.cli.cli_process import command, restore_sigint

HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"


def read_until(terminal: int, text: bytes) -> bytes:
    """Return what a program prints up to `text`, or to its end."""
    printed = b""
    while text not in printed:
        try:
            printed += os.read(terminal, 4096)
        except OSError:  # the program has ended
            break
    return printed


def end_by(number: signal.Signals, *arguments: str) -> tuple[int, bytes]:
    """Return the exit code of a command that gets a signal while its bar is shown, and what it prints after that."""
    terminal, other = pty.openpty()
    with subprocess.Popen(
        command(*arguments), stdin=other, stdout=other, stderr=other, preexec_fn=restore_sigint
    ) as process:
        try:
            os.close(other)
            assert HIDE in read_until(terminal, HIDE)
            process.send_signal(number)
            printed = read_until(terminal, b"never printed")
            return process.wait(), printed
        finally:
            process.kill()
            os.close(terminal)


@pytest.mark.parametrize("name", ["watch", "run"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_ends_a_command_and_shows_the_cursor(
    server: FakeService, client: Client, name: str, number: signal.Signals
) -> None:
    server.script(JobScript(seconds=math.inf))
    arguments = ("run", "a cat", "-o", "/dev/null") if name == "run" else ("watch", client.submit("a cat").id)
    code, printed = end_by(number, *arguments, "--url", server.url)
    assert printed.rindex(SHOW) > printed.rfind(HIDE)
    assert code == (130 if number is signal.SIGINT else -number)


CRASH = """
import sys
from renderq.cli.progress import ProgressBars
bars = ProgressBars(sys.stderr)
bars.__enter__()
raise SystemExit(3) if len(sys.argv) > 1 else RuntimeError
"""


@pytest.mark.parametrize("arguments", [(), ("exit",)])
def test_a_crash_shows_the_cursor(arguments: tuple[str, ...]) -> None:
    terminal, other = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", CRASH, *arguments], stdout=other, stderr=other)
    os.close(other)
    printed = read_until(terminal, b"never printed")
    assert process.wait(60) != 0
    os.close(terminal)
    assert printed.rindex(SHOW) > printed.index(HIDE)
