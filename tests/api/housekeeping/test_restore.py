"""Job manifests in the object store, and restoring jobs from them after Redis has lost all data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import redis

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.manifests.manifest import manifest_key
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.polling import wait_until


def restore(data: Path) -> subprocess.CompletedProcess[str]:
    options = ["--data", str(data)]
    argv = [sys.executable, "-m", "renderq", "jobs", "restore", "--json", *options]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env={**os.environ})


def has_manifest(objects: FolderStore, job_id: str) -> bool:
    return (objects.root / manifest_key(job_id)).exists()


def get_job(http: httpx2.Client, job_id: str) -> dict[str, object]:
    """Return the job without its signed URLs, which differ between any two responses."""
    job = http.get(f"/v1/jobs/{job_id}").json()
    return {**job, "outputs": [{**output, "signed_url": "", "signed_url_expires_at": ""} for output in job["outputs"]]}


def without_urls(job: dict[str, object]) -> dict[str, object]:
    """Return the job without URLs, which contain the service's port."""
    return {**job, "outputs": len(job["outputs"]), "grid": job["grid"] and job["grid"]["sha256"]}


@pytest.fixture
def lost_jobs(settings_for: SettingsFor, store: RedisJobStore, redis_url: str) -> Path:
    """Data folder of a service that lost Redis and history with a succeeded and a canceled job, and a copy of both."""
    settings = settings_for(sweep_seconds=0.1)
    objects = FolderStore(settings.store_folder)
    with RunningApi(settings) as api, api.client() as http:
        worker = Worker(store, objects)
        worker.register()
        body = {"prompt": "a red circle", "output": {"grid": True}, "metadata": {"order": "A-17"}}
        ids = [http.post("/v1/jobs", json=body).json()["id"] for _ in range(2)]
        worker.finish(worker.claim())
        http.post(f"/v1/jobs/{ids[1]}/cancel")
        wait_until(lambda: all(has_manifest(objects, job_id) for job_id in ids))
        before = {job_id: get_job(http, job_id) for job_id in ids}
    with sync_client(redis_url) as client:
        client.flushall()
    (settings.data / "history.db").unlink()
    (settings.data / "before.json").write_text(json.dumps(before))
    return settings.data


def test_jobs_come_back_as_they_were_with_their_images(
    lost_jobs: Path, settings_for: SettingsFor, redis_url: str
) -> None:
    before = json.loads((lost_jobs / "before.json").read_text())
    with RunningApi(settings_for()) as api, api.client(follow_redirects=True) as http:
        problem(http.get(f"/v1/jobs/{next(iter(before))}"), "not_found")
        done = restore(lost_jobs)
        assert (done.returncode, json.loads(done.stdout)) == (0, {"restored": 2, "known": 0, "unreadable": 0})
        expected = [{**job, "urls": get_job(http, job_id)["urls"]} for job_id, job in before.items()]
        after = [get_job(http, job_id) for job_id in before]
        for old, new in zip(expected, after, strict=True):
            assert without_urls(new) == without_urls(old)
        assert {job["id"] for job in http.get("/v1/jobs").json()["data"]} == set(before)
        [succeeded] = [job for job in after if job["status"] == "succeeded"]
        for image in (*succeeded["outputs"], succeeded["grid"]):
            assert http.get(image["url"]).content == IMAGE_BYTES
        again = http.post(f"/v1/jobs/{next(job['id'] for job in after if job['status'] == 'canceled')}/retry")
        assert (again.status_code, again.json()["metadata"]) == (201, {"order": "A-17"})
        repeated = restore(lost_jobs)
        assert json.loads(repeated.stdout) == {"restored": 0, "known": 2, "unreadable": 0}


@pytest.mark.parametrize(
    "damage",
    [b"", b'{"renderq": 1, "job":' * 20_000, b'{"renderq": 2, "job": {}}', b'{"renderq": 1, "job": {"id": 7}}'],
    ids=range(4),
)
def test_a_damaged_manifest_is_named_and_holds_up_no_other(lost_jobs: Path, redis_url: str, damage: bytes) -> None:
    first, *_ = sorted((lost_jobs / "objects" / "jobs").iterdir())
    (first / "job.json").write_bytes(damage)
    done = restore(lost_jobs)
    assert (done.returncode, json.loads(done.stdout)) == (1, {"restored": 1, "known": 0, "unreadable": 1})
    assert f"skipped jobs/{first.name}/job.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_manifest_restores_no_other_job_than_its_own(lost_jobs: Path, redis_url: str) -> None:
    """Write access to one job's prefix does not allow restoring another job."""
    first, second = sorted((lost_jobs / "objects" / "jobs").iterdir())
    (first / "job.json").write_bytes((second / "job.json").read_bytes())
    done = restore(lost_jobs)
    assert json.loads(done.stdout) == {"restored": 1, "known": 0, "unreadable": 1}


def test_what_cannot_work_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()
    done = restore(tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "Is a directory" in done.stderr


def test_a_deleted_job_does_not_come_back(
    settings_for: SettingsFor, store: RedisJobStore, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_for(sweep_seconds=0.1)
    objects = FolderStore(settings.store_folder)
    with RunningApi(settings) as api, api.client() as http:
        worker = Worker(store, objects)
        worker.register()
        job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
        worker.finish(worker.claim())
        wait_until(lambda: has_manifest(objects, job_id))
        assert http.delete(f"/v1/jobs/{job_id}").status_code == 204
        wait_until(lambda: not (objects.root / "jobs" / job_id).exists())
        assert json.loads(restore(settings.data).stdout)["restored"] == 0


def test_manifests_wait_for_a_store_that_is_away(
    settings_for: SettingsFor, store: RedisJobStore, redis_url: str
) -> None:
    settings = settings_for(sweep_seconds=0.1)
    objects = FolderStore(settings.store_folder)
    with RunningApi(settings) as api, api.client() as http, redis.Redis.from_url(redis_url) as client:
        Worker(store, objects).register()
        job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
        (objects.root / "jobs").write_text("in the way")
        http.post(f"/v1/jobs/{job_id}/cancel")
        wait_until(lambda: float(client.zscore("rq:unarchived", job_id) or 0) > client.time()[0] * 1000 + 1000)
        (objects.root / "jobs").unlink()
        client.zadd("rq:unarchived", {job_id: 0})  # as if the lease had expired
        wait_until(lambda: has_manifest(objects, job_id))
        wait_until(lambda: client.zscore("rq:unarchived", job_id) is None)
