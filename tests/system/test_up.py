"""`renderq up` and its surroundings: terminals that close, disks that are full, readers that leave."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.polling import wait_until
from tests.system.service import Service
from tests.valkey_server import free_port

pytestmark = pytest.mark.system

SIMULATED = {"RENDERQ_DEVICE": "simulated:50"}


@contextmanager
def up(data: Path, port: int, **streams: int) -> Iterator[subprocess.Popen[bytes]]:
    argv = [sys.executable, "-m", "renderq", "up", "--data", str(data), "--port", str(port)]
    with subprocess.Popen(argv, env={**os.environ, **SIMULATED}, **streams) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=30)


def is_ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def test_a_closed_terminal_hands_jobs_back(tmp_path: Path) -> None:
    """It sends SIGHUP more than once."""
    with Service(tmp_path, env={**SIMULATED, "RENDERQ_DRAIN_SECONDS": "1"}) as service:
        job_id = service.submit(steps=100, n=4)["id"]
        wait_until(lambda: service.http.get(f"/v1/jobs/{job_id}").json()["progress"]["step"] > 0, "a step")
        for _ in range(3):
            service.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        assert service.wait() == 0
    assert "job.released" in service.log_text
    assert "killing it" not in service.log_text


def test_a_process_started_with_nohup_outlives_its_terminal() -> None:
    argv = [sys.executable, "-c", "import signal; from renderq_shared.stop_signals import stop_signals; "]
    argv[2] += "print(signal.SIGHUP in stop_signals(), signal.SIGTERM in stop_signals())"
    ended = subprocess.run(["nohup", *argv], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert ended.stdout == "False True\n"


def test_a_full_disk_costs_only_lines_of_the_log(tmp_path: Path) -> None:
    full, port = os.open("/dev/full", os.O_WRONLY), free_port()
    try:
        with up(tmp_path, port, stdout=full, stderr=full) as process:
            wait_until(lambda: is_ready(port), "the service")
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
    finally:
        os.close(full)


def test_a_reader_that_leaves_costs_only_lines_of_the_log(tmp_path: Path) -> None:
    (reader, writer), port = os.pipe(), free_port()
    with up(tmp_path, port, stdout=writer, stderr=writer) as process:
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        wait_until(lambda: is_ready(port), "the service")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
