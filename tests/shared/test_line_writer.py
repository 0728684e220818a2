"""Output that nobody reads, or that has no place, stops nothing."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = """
import sys
from renderq_shared.console import flush_or_discard
from renderq_shared.line_writer import LineWriter
writer = LineWriter()
for number in range(20_000):
    writer.write(sys.stderr, f"line {number}")
writer.write(sys.stdout, "ready")
writer.flush(0.2)
flush_or_discard()
"""

LOG_SCRIPT = """
import sys
import structlog
from renderq_shared.logs import configure_logging
from renderq_shared.settings import SharedSettings
configure_logging(SharedSettings(log_format="json"), "api")
log = structlog.get_logger("test")
for number in range(20_000):
    log.info("example.logged", number=number)
print("ready", flush=True)
sys.stdin.readline()
log.info("example.ended")
sys.stdin.readline()
"""


def run(stdout: int, stderr: int) -> int:
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=stdout, stderr=stderr) as process:
        return process.wait(timeout=30)


@pytest.fixture
def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@contextmanager
def unread_pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def read_until(descriptor: int, text: bytes) -> bytes:
    read = b""
    while text not in read:
        assert select.select([descriptor], [], [], 30)[0], "nothing more was written"
        read += os.read(descriptor, 1 << 16)
    return read


def test_a_full_disk_costs_lines(full: int) -> None:
    assert run(full, full) == 0
    os.close(full)


def test_a_reader_that_has_left_costs_lines() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert run(writer, writer) == 0
    os.close(writer)


@pytest.mark.parametrize("is_blocking", [True, False])
def test_a_reader_that_stalls_costs_lines(is_blocking: bool) -> None:
    with unread_pipe() as (_, writer):
        os.set_blocking(writer, is_blocking)
        # The thread that writes waits for the reader; the interpreter does not wait for it.
        assert run(writer, writer) == 0


def test_lines_keep_their_order(tmp_path: Path) -> None:
    script = SCRIPT.replace("20_000", "9_000").replace("0.2", "30")
    with (tmp_path / "log").open("w") as log:
        subprocess.run([sys.executable, "-c", script], stdout=log, stderr=log, check=True)
    assert (tmp_path / "log").read_text() == "".join(f"line {number}\n" for number in range(9_000)) + "ready\n"


def test_log_records_that_nobody_reads_stop_no_process_and_are_counted() -> None:
    with (
        unread_pipe() as (reader, writer),
        subprocess.Popen(
            [sys.executable, "-c", LOG_SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writer, text=True
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n"  # all records are logged
        log = read_until(reader, b'"number": 5000')  # now there is room for more
        process.stdin.write("\n")
        process.stdin.flush()
        log += read_until(reader, b"example.ended")  # it ends afterward: the end does not wait for this reader
        process.stdin.close()
        assert process.wait(30) == 0
    dropped = [json.loads(line)["records"] for line in log.splitlines() if b"log.records_dropped" in line]
    assert sum(dropped) > 0
    assert sum(dropped) + log.count(b"example.logged") == 20_000


def test_the_end_of_a_process_does_not_wait_for_the_reader_of_its_log() -> None:
    with unread_pipe() as (_, writer):
        process = subprocess.run(
            [sys.executable, "-c", LOG_SCRIPT], input=b"\n", stdout=subprocess.PIPE, stderr=writer, timeout=30
        )
    assert (process.returncode, process.stdout) == (0, b"ready\n")
