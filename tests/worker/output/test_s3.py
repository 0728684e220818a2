"""Uploads to a real S3 store that goes down."""

from pathlib import Path

import pytest

from renderq.contract import Status
from renderq_shared.objects import open_store
from renderq_shared.settings import SharedSettings
from tests.s3_servers import Nanio
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import error, outputs


def test_a_store_that_stays_away_fails_the_job_and_the_next_one_is_fine_again(
    new_harness: NewHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Nanio(tmp_path)
    server.start()
    try:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        server.client().create_bucket(Bucket="images")
        objects = open_store(SharedSettings(store="s3://images/a"))
        objects.check()
        harness = new_harness(objects=objects)
        server.kill()
        harness.submit("lost", n=2)
        harness.wake()
        job = harness.wait_until_ended("lost")
        assert (job.status, outputs(job)) == (Status.FAILED, [])
        assert (error(job)["code"], error(job)["retryable"]) == ("storage_failed", True)
        assert "the endpoint does not respond" in error(job)["message"]
        server.start()
        harness.submit("kept")
        harness.wake()
        kept = harness.wait_until_ended("kept")
        assert kept.status is Status.SUCCEEDED
        assert objects.info(outputs(kept)[0]["key"]).size_bytes == outputs(kept)[0]["size_bytes"]
    finally:
        server.kill()
