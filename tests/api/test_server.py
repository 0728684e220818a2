"""`renderq api` as a process: startup, logging, shutdown."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

Started = tuple[subprocess.Popen[str], str]


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "renderq", "api", *options]


@pytest.fixture
def env(redis_url: str, tmp_path: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENDERQ_")}
    return {**inherited, "RENDERQ_REDIS_URL": redis_url, "RENDERQ_DATA": str(tmp_path), "RENDERQ_LOG_FORMAT": "json"}


@pytest.fixture
def started(env: dict[str, str]) -> Iterator[Started]:
    process = subprocess.Popen(
        command("--port", "0"), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready http://127.0.0.1:"), process.stderr.read() if process.stderr else ""
    yield process, line.split()[1]
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_asked_to_and_says_nothing_bad(started: Started, stop_signal: signal.Signals) -> None:
    process, url = started
    assert httpx2.get(f"{url}/readyz", trust_env=False).status_code == 200
    process.send_signal(stop_signal)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert "Traceback" not in log


def test_an_idle_connection_does_not_hold_it_up(started: Started) -> None:
    process, url = started
    with httpx2.Client(trust_env=False) as idle:
        idle.get(f"{url}/healthz")
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_one_line_of_json_per_request_and_nothing_forged(started: Started) -> None:
    process, url = started
    with httpx2.Client(base_url=url, trust_env=False) as http:
        http.post("/v1/jobs", json={"prompt": "secret prompt"}, headers={"X-Request-Id": "mine"})
        http.get("/a%0A%7B%22event%22:%22forged%22%7D%1b[31m")
    process.terminate()
    _, log = process.communicate(timeout=20)
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["event"] == "request.completed"]
    assert [(line["method"], line["status"], line["process"]) for line in requests] == [
        ("POST", 201, "api"),
        ("GET", 404, "api"),
    ]
    assert requests[0]["request_id"] == "mine"
    assert requests[1]["path"] == '/a\n{"event":"forged"}\x1b[31m'
    assert "secret prompt" not in log
    assert "\x1b" not in log


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--host", "0.0.0.0"), "no API key exists"),
        (("--redis-url", "http://x"), "redis_url"),
        (("--store", "s4://x"), "store"),
        (("--port", "70000"), "port"),
        (("--models", "/nonexistent/models.toml"), "models.toml"),
        (("--store", "folder:/dev/null"), "is a file"),
        (("--store", "folder:/dev/null/x"), "is a file"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(env: dict[str, str], options: tuple[str, ...], expected: str) -> None:
    done = subprocess.run(
        command("--port", "0", *options), env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("renderq api: ")
    assert expected in line


def test_taken_port_is_said_in_one_line(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(command("--port", port), env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert port in done.stderr
