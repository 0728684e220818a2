"""Processes are killed at bad moments; every accepted job ends exactly once."""

from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from renderq_shared.redis.wakeup_queues import queue_name
from renderq_shared.wakeups import WakeupPublisher
from tests.system.http_user import TERMINAL
from tests.system.service import Service

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

LEASE_S = 3.0
SIMULATED = {"RENDERQ_LEASE_SECONDS": str(LEASE_S), "RENDERQ_DEVICE": "simulated:50"}


def is_rendering(job: dict[str, Any]) -> bool:
    return job["stage"] == "denoising"


def is_terminal(job: dict[str, Any]) -> bool:
    return job["status"] in TERMINAL


def has_changed(job: dict[str, Any], since: int) -> bool:
    return job["version"] > since


def renders_anew(job: dict[str, Any], attempt: int) -> bool:
    return is_rendering(job) and job["attempt"] > attempt


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(timeout=10)


@pytest.mark.long
def test_killed_worker_costs_an_attempt_and_no_job(tmp_path: Path) -> None:
    with Service(tmp_path, env={"RENDERQ_LEASE_SECONDS": str(LEASE_S)}) as service:
        job = service.submit(steps=40, n=2, seed=1)
        service.wait_until(job["id"], is_rendering)
        kill(service.process("worker"))
        ended = service.wait_until_ended(job["id"])
        assert (ended["status"], ended["attempt"], len(ended["outputs"])) == ("succeeded", 2, 2), ended
        assert service.image(ended, 1) == service.image(
            service.wait_until_ended(service.submit(steps=40, seed=2)["id"]), 0
        )


def test_a_step_that_lasts_three_leases_keeps_its_job(tmp_path: Path) -> None:
    environment = {"RENDERQ_LEASE_SECONDS": "1.5", "RENDERQ_DEVICE": "simulated:5000"}
    with Service(tmp_path, env=environment) as service:
        job = service.wait_until_ended(service.submit(steps=1)["id"])
    assert (job["status"], job["attempt"]) == ("succeeded", 1), job
    assert job["metrics"]["inference_ms"] > 3 * 1500, "the step was too quick to prove anything"


def test_kill_of_everything_and_start_on_the_same_data(tmp_path: Path) -> None:
    service = Service(tmp_path, env=SIMULATED)
    service.start()
    accepted = [service.submit(steps=20, seed=seed)["id"] for seed in range(6)]
    service.wait_until(accepted[0], lambda job: job["status"] != "queued")
    # The append-only file is flushed every second: that much may be lost to a power cut, nothing to a kill.
    service.kill_everything()
    service.start()
    ended = [service.wait_until_ended(job_id) for job_id in accepted]
    assert [job["status"] for job in ended] == ["succeeded"] * 6
    assert service.stop() == 0


def test_doubled_and_dropped_wakeups(tmp_path: Path) -> None:
    with Service(tmp_path, env=SIMULATED) as service, redis.Redis.from_url(service.redis_url) as client:
        dropped = [service.submit(seed=seed, steps=10)["id"] for seed in range(4)]
        client.delete(queue_name("shapes"))
        publisher = WakeupPublisher(service.redis_url)
        doubled = [service.submit(seed=seed, steps=10)["id"] for seed in range(4)]
        publisher.notify("shapes", 20)
        publisher.close()
        ended = [service.wait_until_ended(job_id) for job_id in dropped + doubled]
    assert {(job["status"], job["attempt"]) for job in ended} == {("succeeded", 1)}


@pytest.mark.long
def test_a_job_that_kills_its_process_takes_no_other_with_it(tmp_path: Path) -> None:
    """Kill the worker whenever it renders the job."""
    with Service(tmp_path, env=SIMULATED) as service:
        innocents = [service.submit(steps=60, seed=seed)["id"] for seed in range(7)]
        poison = service.submit(steps=150, n=4, priority=10)["id"]
        job, killed = service.job(poison), 0
        while not is_terminal(job):
            if renders_anew(job, killed):
                killed = job["attempt"]
                kill(service.process("worker"))
            job = service.wait_until(poison, partial(has_changed, since=job["version"]))
        ended = [service.wait_until_ended(job_id) for job_id in innocents]
    assert (job["status"], job["error"]["code"]) == ("failed", "worker_lost"), job
    assert [job["status"] for job in ended] == ["succeeded"] * 7
