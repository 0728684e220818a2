"""`renderq api` as a process: startup, logging, shutdown."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.api.assets.image_files import ONE_PIXEL, chunk, png_file

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


@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stops_when_asked_to_and_says_nothing_bad(started: Started, stop_signal: signal.Signals) -> None:
    process, url = started
    assert httpx2.get(f"{url}/readyz", trust_env=False).status_code == 200
    process.send_signal(stop_signal)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert "Traceback" not in log


def test_what_the_start_has_loaded_is_exempt_from_garbage_collection(env: dict[str, str], tmp_path: Path) -> None:
    """A full collection would go through all of it, and stop all requests for that time."""
    result = tmp_path / "exempt.txt"
    (tmp_path / "sitecustomize.py").write_text(
        f"import atexit, gc, pathlib\n"
        f"atexit.register(lambda: pathlib.Path({str(result)!r}).write_text(str(gc.get_freeze_count())))\n"
    )
    path = os.pathsep.join(filter(None, (str(tmp_path), env.get("PYTHONPATH"))))
    with subprocess.Popen(command("--port", "0"), env={**env, "PYTHONPATH": path}, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
    assert int(result.read_text()) > 50_000


def test_a_damaged_image_writes_no_warnings_between_the_records_of_the_log(started: Started) -> None:
    """Pillow warns of each damaged tag."""
    process, url = started
    tags = b"".join(struct.pack("<HHII", 0x1000 + number, 7, 1_000_000, 8) for number in range(100))
    exif = b"II*\0" + struct.pack("<IH", 8, 100) + tags + bytes(4)
    file = png_file(chunk(b"eXIf", exif), ONE_PIXEL)
    assert httpx2.post(f"{url}/v1/assets", files={"file": file}, trust_env=False).status_code == 201
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert [line for line in log.splitlines() if not line.startswith("{")] == []


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
        (("--redis-url", "http://x"), "RENDERQ_REDIS_URL must"),
        (("--store", "s4://x"), "RENDERQ_STORE must"),
        (("--port", "70000"), "RENDERQ_PORT must"),
        (("--models", "/nonexistent/models.toml"), "models.toml"),
        (("--store", "folder:/dev/null"), "is a file"),
        (("--host", "not a host"), "RENDERQ_HOST must be a host name"),
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


def test_a_database_that_the_server_lacks_is_said_in_one_line(env: dict[str, str]) -> None:
    url = env["RENDERQ_REDIS_URL"].removesuffix("/0") + "/99"
    done = subprocess.run(
        command("--port", "0", "--redis-url", url), env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("renderq api: RENDERQ_REDIS_URL names a database that the server does not have")


def test_paths_and_quotes_of_environment_files_are_understood(env: dict[str, str], tmp_path: Path) -> None:
    """As Compose, systemd and `docker --env-file` pass them, without a shell."""
    files = {
        "RENDERQ_DATA": '"~/data"',
        "RENDERQ_STORE": " 'folder:~/store' ",
        "RENDERQ_PORT": "'0'",
        "HOME": str(tmp_path),
    }
    process = subprocess.Popen(
        command(), env={**env, **files}, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert line.startswith("ready http://127.0.0.1:"), log
    assert (tmp_path / "store").is_dir()
    assert not (tmp_path / "~").exists()


def test_taken_port_is_said_in_one_line(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(command("--port", port), env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert port in done.stderr
