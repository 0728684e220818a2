"""The Procfile's commands, started as a process manager starts them, on an external Redis."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from tests.deploy.deploy_files import COMMANDS, procfile
from tests.deploy.valkey import free_port, valkey_server

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

START_S = 90
DRAIN_S = 20


@dataclass
class Formation:
    """Processes of a Procfile."""

    data: Path
    redis_url: str
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.http = httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self._new_key()}"},
            timeout=70,
            trust_env=False,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        for process in self.processes.values():
            process.kill()
            process.wait()

    def start(self, kind: str, number: int = 1) -> None:
        """Start through a shell, in a process group of its own, with settings from the environment."""
        env = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "RENDERQ_DEVICE": "simulated:20",
            "RENDERQ_REDIS_URL": self.redis_url,
            "RENDERQ_STORE": f"folder:{self.data / 'objects'}",
            "RENDERQ_DATA": str(self.data),
            "RENDERQ_PORT": str(self.port),
            "RENDERQ_KEYS": "required",  # as in compose.yaml and in Kubernetes
            "RENDERQ_DRAIN_SECONDS": str(DRAIN_S),
            "RENDERQ_WORKER_NAME": f"{kind}.{number}",
        }
        with (self.data / f"{kind}.{number}.log").open("wb") as log:
            self.processes[f"{kind}.{number}"] = subprocess.Popen(
                ["sh", "-c", procfile()[kind]],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, name: str) -> int:
        """Send SIGTERM to the started process and return its exit code."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=DRAIN_S + 15)

    def wait_for_workers(self, *names: str) -> None:
        deadline = time.monotonic() + START_S
        while (seen := self._workers()) != set(names):
            assert time.monotonic() < deadline, f"{seen} instead of {names}\n{self.logs()}"
            time.sleep(0.1)

    def submit(self, **fields: Any) -> str:
        answer = self.http.post("/v1/jobs", json={"prompt": "a red circle on a blue background", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def job(self, job_id: str, wait: int = 60) -> dict[str, Any]:
        answer = self.http.get(f"/v1/jobs/{job_id}", headers={"Prefer": f"wait={wait}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.data.glob("*.log")))

    def _new_key(self) -> str:
        made = subprocess.run(
            [sys.executable, "-m", "renderq", "keys", "create", "tests", "--role", "admin"],
            env={**os.environ, "RENDERQ_REDIS_URL": self.redis_url},
            capture_output=True,
            text=True,
            check=True,
        )
        return made.stdout.strip()

    def _workers(self) -> set[str]:
        try:
            answer = self.http.get("/v1/workers")
        except httpx2.HTTPError:
            return set()
        return {worker["id"] for worker in answer.json()["data"]} if answer.is_success else set()


@pytest.fixture
def formation(tmp_path: Path) -> Iterator[Formation]:
    redis_folder = tmp_path / "redis"
    redis_folder.mkdir()
    with valkey_server(redis_folder) as url, Formation(tmp_path, url) as formation:
        yield formation


def test_names_commands_that_exist() -> None:
    assert {command.split()[-1] for command in procfile().values()} == {"api", "worker"} <= COMMANDS


def test_the_shell_gives_way_to_the_command() -> None:
    """Without `exec`, the signal that drains a worker would end the shell in front of it."""
    assert all(command.startswith("exec ") for command in procfile().values())


def test_serves_a_job_and_stops_in_order(formation: Formation) -> None:
    formation.start("api")
    formation.start("worker")
    formation.wait_for_workers("worker.1")
    stranger = {"Authorization": ""}
    assert formation.http.get("/readyz", headers=stranger).status_code == 200
    assert formation.http.get("/v1/models/shapes", headers=stranger).status_code == 401
    assert formation.http.get("/v1/models/shapes").json()["queued_jobs"] == 0
    job = formation.job(formation.submit(steps=4))
    assert job["status"] == "succeeded", (job, formation.logs())
    assert job["worker"] == "worker.1"
    image = formation.http.get(job["outputs"][0]["url"], follow_redirects=True)
    assert image.content.startswith(b"\x89PNG")
    assert {name: formation.stop(name) for name in ("worker.1", "api.1")} == {"worker.1": 0, "api.1": 0}


def test_a_second_worker_takes_over_from_one_that_is_stopped(formation: Formation) -> None:
    formation.start("api")
    formation.start("worker", 1)
    formation.start("worker", 2)
    formation.wait_for_workers("worker.1", "worker.2")
    jobs = [formation.submit(steps=20, n=2) for _ in range(8)]
    assert formation.stop("worker.1") == 0
    formation.wait_for_workers("worker.2")
    ended = [formation.job(job_id) for job_id in jobs]
    assert {job["status"] for job in ended} == {"succeeded"}, formation.logs()
    assert {job["max_attempts"] for job in ended} == {3}
