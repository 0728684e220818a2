"""One round: jobs end before, during and after a fault of the history; then clients compare what it shows."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

from renderq_shared.history.maintenance import inspect_history
from tests.faults.fault_round import Tally
from tests.faults.history_cluster import UNARCHIVED, HistoryCluster
from tests.faults.history_faults import MEANWHILE, HistoryFault

_BEFORE = _AFTER = 4


def run_round(cluster: HistoryCluster, inject: HistoryFault, random: Random, tally: Tally) -> None:
    """All rounds of a cluster add to one history, which is compared as a whole."""
    known = set(cluster.accepted)
    cluster.submit_jobs(_BEFORE + MEANWHILE + _AFTER)
    cluster.end_jobs(_BEFORE)
    inject(cluster, random)
    cluster.end_jobs(_AFTER)
    merged = cluster.look()
    added = cluster.accepted - known
    for job_id in random.sample(sorted(added & cluster.seen.keys()), _AFTER):
        cluster.annotate(job_id, "seen")
    cluster.make_due(UNARCHIVED)  # as if the leases of failed attempts had expired
    cluster.wait_until_archived()
    cluster.release_archived()
    archived = cluster.listed(random.randrange(len(cluster.apis)))
    tally.rounds += 1
    tally.jobs += len(added)
    tally.lost += [*_lost(cluster, archived), *_disordered(merged), *_disordered(archived), *_findings(cluster)]
    tally.duplicated += [*_repeated(merged), *_repeated(archived), *_miscounted(cluster)]


def _lost(cluster: HistoryCluster, listed: list[dict[str, Any]]) -> Iterator[str]:
    shown = {job["id"]: job for job in listed}
    yield from (f"{job_id} was accepted and is unknown" for job_id in cluster.accepted - shown.keys())
    yield from (f"{key} has not left Redis" for key in cluster.redis.scan_iter("rq:job:*"))
    for job_id, job in cluster.seen.items():
        if shown.get(job_id) != job:
            yield f"{job_id} was {job}, is {shown.get(job_id)}"


def _disordered(listed: list[dict[str, Any]]) -> Iterator[str]:
    if listed != sorted(listed, key=lambda job: (job["created_at"], job["id"]), reverse=True):
        yield "the pages are in another order"


def _repeated(listed: list[dict[str, Any]]) -> Iterator[str]:
    times = Counter(job["id"] for job in listed)
    yield from (f"{job_id} is listed {count} times" for job_id, count in times.items() if count > 1)


def _miscounted(cluster: HistoryCluster) -> Iterator[str]:
    counted, expected = _sums(cluster.usage()), _usage(cluster.seen.values())
    if counted != expected:
        yield f"usage is {counted}, not {expected}"


def _findings(cluster: HistoryCluster) -> Iterable[str]:
    """What `renderq history check` finds."""
    return asyncio.run(inspect_history(cluster.database.url)).findings


def _usage(jobs: Iterable[dict[str, Any]]) -> Counter[str]:
    """Return what these jobs used, as their clients can tell."""
    sums = Counter[str]()
    for job in jobs:
        outputs = job["outputs"]
        sums["jobs"] += 1
        sums["images"] += len(outputs)
        sums["pixels"] += sum(output["width"] * output["height"] for output in outputs)
        sums["bytes"] += sum(output["size_bytes"] for output in outputs)
    return sums


def _sums(days: Iterable[dict[str, Any]]) -> Counter[str]:
    sums = Counter[str]()
    for day in days:
        sums.update({name: day[name] for name in ("jobs", "images", "pixels", "bytes")})
    return sums
