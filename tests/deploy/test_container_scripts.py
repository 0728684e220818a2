"""The scripts of the images, run against servers that answer well, badly, and not at all."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from renderq_shared.jobs import WorkerRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.deploy.deploy_files import DEPLOY
from tests.deploy.valkey import free_port, valkey_server

S3_PROBLEM = "<Error><Code>{}</Code><Message>no</Message></Error>"


def run(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RENDERQ_", "AWS_"))}
    return subprocess.run(
        [sys.executable, str(DEPLOY / "container" / script)],
        env={**kept, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def answering(status: int, body: str = "") -> Iterator[tuple[int, list[tuple[str, str, str]]]]:
    """A server that always gives this response: its port, and the requests it received (method, path, host)."""
    seen: list[tuple[str, str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append((self.command, self.path, self.headers["Host"]))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_PUT = answer  # noqa: N815 - named by the standard library

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, seen
        finally:
            server.shutdown()
            thread.join()


def test_api_is_healthy_when_it_says_that_it_is_ready() -> None:
    with answering(200) as (port, seen):
        assert run("api_health.py", RENDERQ_PORT=str(port)).returncode == 0
    assert seen == [("GET", "/readyz", f"localhost:{port}")]


def test_api_is_unhealthy_with_the_reasons_that_it_gives() -> None:
    with answering(503, "Redis does not respond") as (port, _):
        ran = run("api_health.py", RENDERQ_PORT=str(port))
    assert (ran.returncode, ran.stderr) == (1, "503 Redis does not respond\n")


def test_api_is_unhealthy_when_no_server_listens() -> None:
    assert run("api_health.py", RENDERQ_PORT=str(free_port())).returncode == 1


def test_api_that_listens_everywhere_is_asked_on_loopback() -> None:
    with answering(200) as (port, _):
        assert run("api_health.py", RENDERQ_HOST="0.0.0.0", RENDERQ_PORT=str(port)).returncode == 0


def record(worker_id: str, draining: bool = False) -> WorkerRecord:
    return WorkerRecord(
        id=worker_id,
        device="cpu",
        models=("shapes",),
        resident_models=(),
        jobs=0,
        draining=draining,
        started_ms=0,
        seen_ms=0,
    )


def test_worker_is_healthy_while_it_is_listed_and_takes_jobs(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as url, sync_client(url) as client:
        store = RedisJobStore(client)
        store.call(commands.register(record("another-host-1"), 60_000))
        assert run("worker_health.py", RENDERQ_REDIS_URL=url).stderr == "not registered\n"
        own = f"{socket.gethostname()}-a1"
        store.call(commands.register(record(own), 60_000))
        assert run("worker_health.py", RENDERQ_REDIS_URL=url).returncode == 0
        assert run("worker_health.py", RENDERQ_REDIS_URL=url, RENDERQ_WORKER_NAME="another-host-1").returncode == 0
        assert run("worker_health.py", RENDERQ_REDIS_URL=url, RENDERQ_WORKER_NAME="third").returncode == 1
        store.call(commands.register(record(own, draining=True), 60_000))
        ran = run("worker_health.py", RENDERQ_REDIS_URL=url)
        assert (ran.returncode, ran.stderr) == (1, "draining\n")


def test_worker_is_unhealthy_without_a_traceback_while_redis_is_away() -> None:
    ran = run("worker_health.py", RENDERQ_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr


def create_bucket(port: int, store: str = "s3://renderq/images") -> subprocess.CompletedProcess[str]:
    return run(
        "create_bucket.py",
        RENDERQ_STORE=store,
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
        AWS_DEFAULT_REGION="us-east-1",
    )


def test_missing_bucket_is_created() -> None:
    with answering(200) as (port, seen):
        assert create_bucket(port).returncode == 0
    assert [(method, path.rstrip("/")) for method, path, _ in seen] == [("PUT", "/renderq")]


def test_bucket_of_our_own_is_left_alone() -> None:
    with answering(409, S3_PROBLEM.format("BucketAlreadyOwnedByYou")) as (port, _):
        assert create_bucket(port).returncode == 0


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId"])
def test_refusal_is_an_error(code: str) -> None:
    with answering(403, S3_PROBLEM.format(code)) as (port, _):
        ran = create_bucket(port)
    assert ran.returncode == 1
    assert code in ran.stderr
    assert "Traceback" not in ran.stderr


def test_store_without_bucket_is_refused() -> None:
    assert create_bucket(1, store="folder:").returncode == 2
