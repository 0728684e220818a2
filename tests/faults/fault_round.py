"""One round: a load, a fault at a random moment of it, and the counts afterwards."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from uuid import uuid4

from renderq import RenderqError
from renderq.contract import Job, Status
from tests.faults.fault_cluster import TENANTS, FaultCluster
from tests.faults.faults import Fault, FaultEffect
from tests.polling import wait_until

JOBS = 24
_AT_ONCE = 4


@dataclass(slots=True)
class Tally:
    """Counts of one fault over its rounds."""

    rounds: int = 0
    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    taken_from_healthy: list[str] = field(default_factory=list)
    """Jobs taken from a healthy worker."""
    resumed_s: list[float] = field(default_factory=list)
    """From the end of an expired lease to the job's next attempt, in seconds."""


def run_round(cluster: FaultCluster, inject: Fault, random: Random, tally: Tally, jobs: int = JOBS) -> None:
    """`jobs`: number of jobs, a third of them submitted during the fault."""
    orders = [f"{TENANTS[number % len(TENANTS)]} {uuid4()}" for number in range(jobs)]
    before = 2 * jobs // 3
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda order: _submit(cluster, order, random), orders[:before]))
        wait_until(cluster.running, "a running job")
        time.sleep(random.uniform(0, 0.4))  # the moment is the test's to choose
        late = [pool.submit(_submit, cluster, order, random) for order in orders[before:]]
        effect = inject(cluster, random)
        for submission in late:
            submission.result(timeout=60)
    ended = _ended(cluster, orders)
    tally.rounds += 1
    tally.jobs += len(orders)
    tally.lost += _lost(cluster, ended, orders)
    tally.duplicated += _doubled(cluster, ended, orders)
    tally.taken_from_healthy += _taken_from_healthy(cluster, ended, effect)
    tally.resumed_s += _resumed_s(cluster, effect)
    if effect.poison_job_id:
        tally.lost += _poison_not_failed(cluster, effect.poison_job_id)


def _submit(cluster: FaultCluster, order: str, random: Random) -> None:
    with cluster.client(order.split()[0]) as client:
        client.submit(
            "a red circle",
            steps=random.randint(20, 60),
            n=random.randint(1, 4),
            width=64,
            height=64,
            metadata={"order": order},
            webhook={"url": cluster.receiver.url, "events": ["job.started", "job.succeeded", "job.failed"]},
        )


def _ended(cluster: FaultCluster, orders: list[str]) -> list[Job]:
    """Wait until each job has ended and its webhook has arrived; the jobs."""

    def all_ended() -> list[Job]:
        jobs = list(_jobs(cluster, orders))
        return jobs if len(jobs) >= len(orders) and all(job.status.is_terminal for job in jobs) else []

    def all_notified() -> bool:
        return all((job.id, f"job.{job.status}") in cluster.receiver.ids for job in jobs)

    jobs = wait_until(all_ended, "the end of every accepted job")
    wait_until(all_notified, "the webhook of every end")
    return jobs


def _jobs(cluster: FaultCluster, orders: list[str]) -> Iterator[Job]:
    expected = set(orders)
    for tenant in TENANTS:
        with cluster.client(tenant) as client:
            yield from (job for job in client.jobs.list(page_size=100) if job.metadata.get("order") in expected)


def _lost(cluster: FaultCluster, jobs: list[Job], orders: list[str]) -> list[str]:
    found = {job.metadata["order"] for job in jobs}
    missing = [f"{order} was accepted and is unknown" for order in orders if order not in found]
    unhappy = [f"{job.id} is {job.status}: {job.error}" for job in jobs if job.status is not Status.SUCCEEDED]
    short = [
        f"{job.id} shows {len(job.outputs)} of {job.request['n']} images"
        for job in jobs
        if job.status is Status.SUCCEEDED and len(job.outputs) != job.request["n"]
    ]
    return missing + unhappy + short + [problem for job in jobs for problem in _unreadable(cluster, job)]


def _unreadable(cluster: FaultCluster, job: Job) -> Iterator[str]:
    with cluster.client(job.metadata["order"].split()[0]) as client:
        for image in client.images(job):
            try:
                image.bytes()  # compares the sha256
            except RenderqError as error:
                yield f"{image.output.url}: {error}"


def _doubled(cluster: FaultCluster, jobs: list[Job], orders: list[str]) -> list[str]:
    of_order = {order: [job.id for job in jobs if job.metadata["order"] == order] for order in orders}
    twice = [f"{order} became {ids}" for order, ids in of_order.items() if len(ids) > 1]
    ends = [
        f"{job.id} ended {cluster.change_log.count_ends(job.id)} times"
        for job in jobs
        if cluster.change_log.count_ends(job.id) > 1
    ]
    ids = [f"{event} has {sorted(ids)}" for event, ids in cluster.receiver.ids.items() if len(ids) > 1]
    with cluster.redis() as client:
        claims = {job.id: client.hget(f"rq:job:{job.id}", "claim_id") for job in jobs}
        keys = {job.id: client.hget(f"rq:job:{job.id}", "outputs_json") or "" for job in jobs}
        foreign = [
            f"{job.id} shows what claim {claims[job.id]} did not write"
            for job in jobs
            if keys[job.id].count(f"jobs/{job.id}/{claims[job.id]}/") != len(job.outputs)
        ]
    return twice + ends + ids + foreign


def _taken_from_healthy(cluster: FaultCluster, jobs: list[Job], effect: FaultEffect) -> list[str]:
    with cluster.redis() as client:
        lost_leases = {
            job.id: client.hget(f"rq:job:{job.id}", "lost_leases") for job in jobs if job.id not in effect.leases_ms
        }
    return [f"{job_id} lost {count} workers" for job_id, count in lost_leases.items() if count]


def _resumed_s(cluster: FaultCluster, effect: FaultEffect) -> list[float]:
    found = [
        (cluster.change_log.started_ms(job_id, attempt), lease_ms)
        for job_id, (attempt, lease_ms) in effect.leases_ms.items()
    ]
    return [max(0, started_ms - lease_ms) / 1000 for started_ms, lease_ms in found if started_ms is not None]


def _poison_not_failed(cluster: FaultCluster, job_id: str) -> list[str]:
    with cluster.client() as client:
        job = client.job(job_id).job
    has_failed = job.status is Status.FAILED and job.error is not None and job.error.code == "worker_lost"
    return [] if has_failed and job.attempt == job.max_attempts else [f"the poisonous {job_id} is {job.status}"]
