"""Log records of a job: one at its end, with everything; `lost` only if its lease was lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from renderq.contract import Status
from renderq_shared.jobs import ClaimRef, FenceResult, Outcome, commands
from renderq_shared.redis.clients import sync_client
from tests.polling import wait_until
from tests.worker.worker_harness import MODEL, TENANT, WorkerHarness


def records(logs: list[Any], event: str) -> list[dict[str, Any]]:
    return [record for record in logs if record["event"] == event]


def test_the_end_of_a_job_is_one_record_with_everything(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path) as harness, capture_logs() as logs:
        harness.submit("job_1", n=2)
        harness.wake()
        harness.wait_until_ended("job_1")
        harness.join_wakeups()
    [ended] = records(logs, "job.ended")
    assert {"tenant": TENANT, "model": MODEL, "task": "txt2img", "status": "succeeded", "attempt": 1}.items() <= (
        ended.items()
    )
    durations = {"queue_s", "total_s", "load_ms", "inference_ms", "encode_ms", "upload_ms"}
    assert durations <= ended.keys()
    assert ended["batch_width_mean"] == 2
    assert "error_code" not in ended
    assert records(logs, "job.stopped") == []


def test_a_job_that_fails_is_logged_with_its_code(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path) as harness, capture_logs() as logs:
        harness.engine.failing_seeds = frozenset({5})
        harness.submit("job_1", seed=5)
        harness.wake()
        harness.wait_until_ended("job_1")
        harness.join_wakeups()
    [ended] = records(logs, "job.ended")
    assert (ended["status"], ended["error_code"]) == ("failed", "nan_output")


def test_a_job_that_is_handed_back_is_not_called_lost(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path, step_s=0.05) as harness, capture_logs() as logs:
        harness.submit("job_1", steps=50)
        harness.wake()
        harness.wait_until_running("job_1")
        harness.worker.stop_claiming()
        harness.worker.release_jobs()
    assert [record["result"] for record in records(logs, "job.released")] == ["held"]
    assert records(logs, "job.stopped") == []


def end_elsewhere(harness: WorkerHarness, claim_ref: ClaimRef) -> None:
    assert harness.store.call(commands.finish(claim_ref, Outcome(Status.FAILED, error_json="{}"))).accepted


def lose(harness: WorkerHarness, claim_ref: ClaimRef) -> None:
    assert harness.store.call(commands.requeue(claim_ref)) is FenceResult.HELD


@pytest.mark.parametrize(("take_away", "reason"), [(end_elsewhere, "ended"), (lose, "lost")])
def test_a_refused_write_is_logged_with_its_reason(
    redis_url: str, tmp_path: Path, take_away: Callable[[WorkerHarness, ClaimRef], None], reason: str
) -> None:
    with WorkerHarness(redis_url, tmp_path, step_s=0.05) as harness, capture_logs() as logs:
        harness.submit("job_1", steps=100)
        harness.wake()
        harness.wait_until_running("job_1")
        [job] = harness.worker.claimed_jobs.snapshot()
        harness.worker.stop_claiming()
        take_away(harness, job.claim_ref)
        wait_until(lambda: records(logs, "job.stopped"), "the record")
    assert [record["reason"] for record in records(logs, "job.stopped")] == [reason]


def test_a_refused_write_of_an_unreadable_record_has_no_known_reason(redis_url: str, tmp_path: Path) -> None:
    with WorkerHarness(redis_url, tmp_path, step_s=0.05) as harness, capture_logs() as logs:
        harness.submit("job_1", steps=100)
        harness.wake()
        harness.wait_until_running("job_1")
        [job] = harness.worker.claimed_jobs.snapshot()
        harness.worker.stop_claiming()
        lose(harness, job.claim_ref)
        sync_client(redis_url).hset("rq:job:job_1", "images", "many")
        wait_until(lambda: records(logs, "job.stopped"), "the record")
    assert [record["reason"] for record in records(logs, "job.stopped")] == ["unknown"]
