"""Several workers on one queue: jobs are shared, lost, released and claimed again. The device is simulated."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx2
import pytest

from tests.s3_servers import S3Server
from tests.system.cluster import Cluster
from tests.system.raw_state import STORE, expected_keys, records, stored_keys
from tests.valkey_server import Valkey

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CATALOG = """\
default = "circles"
[models]
circles.source = "builtin:shapes"
squares.source = "builtin:shapes"
"""


@pytest.fixture(scope="module")
def cluster(own_valkey: Valkey, own_s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    catalog = folder / "models.toml"
    catalog.write_text(CATALOG)
    settings = {"RENDERQ_MODELS": str(catalog), "RENDERQ_LEASE_SECONDS": "3", "RENDERQ_DRAIN_SECONDS": "1"}
    with Cluster(folder, own_valkey.url, STORE, {**own_s3.env, **settings}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def three(cluster: Cluster) -> Cluster:
    """Workers w1, w2 and w3 of one device each, which takes 0.1 s for a step of up to 16 images."""
    cluster.start_workers("w1", "w2", "w3", device="simulated:100")
    return cluster


@dataclass(frozen=True)
class Span:
    """Times of a job's stages, in seconds since the epoch on Redis' clock."""

    worker: str
    created: float
    started: float
    rendered: float
    """Earliest possible time, given the duration of the steps."""
    ended: float

    @classmethod
    def of(cls, job: dict[str, Any]) -> Self:
        created, started, ended = (
            datetime.fromisoformat(job[name]).timestamp() for name in ("created_at", "started_at", "completed_at")
        )
        return cls(job["worker"], created, started, started + job["metrics"]["inference_ms"] / 1000, ended)


def prefetched(spans: Sequence[Span]) -> list[Span]:
    """Jobs started by a worker whose device was busy with another job."""
    return [s for s in spans if any(o.worker == s.worker and o.started < s.started < o.rendered for o in spans)]


def idle(worker: str, at: float, spans: Sequence[Span]) -> bool:
    return not any(span.worker == worker and span.started <= at <= span.ended for span in spans)


def test_a_worker_renders_only_the_models_that_it_serves(cluster: Cluster) -> None:
    cluster.start_worker("circles-only", "--device", "simulated", worker_models="circles")
    cluster.wait_for_workers("circles-only")
    squares = [cluster.submit(model="squares")["id"] for _ in range(2)]
    circles = [cluster.wait_until_ended(cluster.submit(model="circles")["id"]) for _ in range(3)]
    assert {(job["status"], job["worker"]) for job in circles} == {("succeeded", "circles-only")}
    waiting = [cluster.job(job_id) for job_id in squares]
    assert {(job["status"], job["wait_reason"]) for job in waiting} == {("queued", "no_worker_for_model")}
    cluster.start_worker("squares-only", "--device", "simulated", worker_models="squares")
    ended = [cluster.wait_until_ended(job_id) for job_id in squares]
    assert {(job["status"], job["worker"]) for job in ended} == {("succeeded", "squares-only")}
    assert {id: worker["models"] for id, worker in cluster.workers().items()} == {
        "circles-only": ["circles"],
        "squares-only": ["squares"],
    }
    cluster.stop_workers()


def test_three_workers_share_a_queue_and_none_idles_while_jobs_wait(three: Cluster) -> None:
    workers = {"w1", "w2", "w3"}
    jobs: list[dict[str, Any]] = []
    for count, steps in ((3, 20), (7, 10)):  # a step takes 0.1 s, and 16 images fill a device
        submitted = [three.submit(n=16, steps=steps)["id"] for _ in range(count)]
        jobs += [three.wait_until_ended(job_id) for job_id in submitted]
        assert {job["worker"] for job in jobs} == workers
    assert {(job["status"], job["attempt"]) for job in jobs} == {("succeeded", 1)}
    spans = sorted((Span.of(job) for job in jobs), key=lambda span: span.started)
    ahead = prefetched(spans)
    for span in ahead:
        waiting = [each for each in spans if each.created <= span.started <= each.started]
        assert len(waiting) > sum(idle(worker, span.started, spans) for worker in workers), (span, spans)
    for worker in workers:
        own = [span for span in spans if span.worker == worker]
        ends = [min(span.created for span in spans), *(span.ended for span in own)]
        starts = [*(span.started for span in own), float("inf")]
        for end, start in zip(ends, starts, strict=True):
            meanwhile = [s.worker for s in spans if end < s.started < start and s not in ahead]
            assert len(meanwhile) == len(set(meanwhile)), f"{worker} idled from {end} to {start}: {spans}"


def test_workers_are_killed_drained_and_added_and_each_job_is_rendered_once(
    three: Cluster, own_valkey: Valkey, own_s3: S3Server
) -> None:
    accepted = [three.submit(n=12, steps=15)["id"] for _ in range(12)]  # the device steps 16 images at once

    half_done = three.wait_for(lambda: frozen_half_way(three, "w1"), "a job that is half done")
    three.process("w1").kill()
    lost = {job["id"] for job in three.running_on("w1")}
    losing_claims = {job.claim_id for job in records(own_valkey.url, lost).values()}
    leftovers = stored_keys(own_s3, [half_done])
    assert leftovers

    three.wait_for(lambda: three.running_on("w2"), "a job to drain")
    drained = three.process("w2")
    assert drained.stop() == 0
    log = map(json.loads, drained.log_text.splitlines())
    released = {line["job_id"] for line in log if line["event"] == "job.released"}

    three.start_worker("late", "--device", "simulated:100")
    three.wait_for_workers("late")
    accepted += [three.submit(n=12, steps=15)["id"] for _ in range(6)]
    jobs = {job_id: three.wait_until_ended(job_id) for job_id in accepted}

    assert {job["status"] for job in jobs.values()} == {"succeeded"}, three.log_text
    assert "late" in {job["worker"] for job in jobs.values()}
    kept = records(own_valkey.url, jobs)
    for job_id, job in jobs.items():
        assert job["attempt"] == 1 + (job_id in lost) + (job_id in released), job
        assert kept[job_id].lost_leases <= (job_id in lost), job
        assert len(job["outputs"]) == 12
        assert kept[job_id].claim_id not in losing_claims
    for output in jobs[half_done]["outputs"]:
        image = httpx2.get(output["signed_url"], trust_env=False).content
        assert hashlib.sha256(image).hexdigest() == output["sha256"]
    assert not leftovers & expected_keys(kept.values())
    three.wait_for(lambda: stored_keys(own_s3, jobs) == expected_keys(kept.values()), "a store that holds nothing else")


def frozen_half_way(cluster: Cluster, worker: str) -> str | None:
    """A job of which its worker, then frozen, has finished some images."""
    if not any(map(is_half_done, cluster.running_on(worker))):
        return None
    cluster.process(worker).freeze()
    if job := next(filter(is_half_done, cluster.running_on(worker)), None):
        return job["id"]
    cluster.process(worker).thaw()
    return None


def is_half_done(job: dict[str, Any]) -> bool:
    return 0 < job["progress"]["images_done"] < job["progress"]["images_total"]
