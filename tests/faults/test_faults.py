"""No job is lost or doubled: rounds of each fault at random moments."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from statistics import median

import pytest

from renderq import NotFound, RenderqError, Unauthorized
from tests.faults.fault_cluster import LEASE_S, FaultCluster
from tests.faults.fault_round import Tally, run_round
from tests.faults.faults import FAULTS, REFUSING_FAULTS, evict, flush, nothing
from tests.polling import wait_until

ROUNDS = int(os.environ.get("RENDERQ_FAULT_ROUNDS", "1"))
SEED = os.environ.get("RENDERQ_FAULT_SEED", "0")

MAX_MEDIAN_S = {"a job that kills its workers": 15 * LEASE_S}
"""Fault → limit for the median time from a lost lease to the next attempt. Neighbors of a job that has killed two
workers run alone, one after the other; all other jobs wait for a sweep."""

pytestmark = [pytest.mark.system, pytest.mark.timeout(60 + 60 * ROUNDS)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultCluster]:
    with FaultCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def require_harmless(tally: Tally, max_median_s: float = 1.5 * LEASE_S) -> None:
    assert (tally.lost, tally.duplicated, tally.taken_from_healthy) == ([], [], [])
    if tally.resumed_s:
        assert median(tally.resumed_s) < max_median_s


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_or_doubled(cluster: FaultCluster, tallies: dict[str, Tally], fault: str) -> None:
    tally = tallies.setdefault(fault, Tally())
    for number in range(ROUNDS):
        run_round(cluster, FAULTS[fault], Random(f"{SEED}/{fault}/{number}"), tally)
    require_harmless(tally, MAX_MEDIAN_S.get(fault, 1.5 * LEASE_S))


@pytest.mark.parametrize("fault", REFUSING_FAULTS)
def test_nothing_is_lost_or_doubled_when_redis_refuses(
    cluster: FaultCluster, tallies: dict[str, Tally], fault: str
) -> None:
    tally = tallies.setdefault(fault, Tally())
    for number in range(max(1, ROUNDS // 3)):
        run_round(cluster, REFUSING_FAULTS[fault], Random(f"{SEED}/{fault}/{number}"), tally, jobs=9)
    require_harmless(tally)
    assert all(worker.is_alive for worker in cluster.workers)


@pytest.mark.parametrize("lose_data", [flush, evict], ids=["FLUSHALL", "allkeys-lru"])
def test_lost_data_is_told_and_the_service_goes_on(
    cluster: FaultCluster, lose_data: Callable[[FaultCluster], None]
) -> None:
    with cluster.client() as client:
        job = client.submit("a red circle", steps=150, n=2)
        wait_until(lambda: job.id in cluster.running(), "a running job")
        lose_data(cluster)
        wait_until(lambda: _is_refused(client.stats, Unauthorized), "the end of its key")
    cluster.create_keys()
    with cluster.client() as client:
        assert _is_refused(lambda: client.job(job.id), NotFound)
        assert client.submit("a red circle", steps=20).wait().status == "succeeded"
    assert all(worker.is_alive for worker in cluster.workers)
    s3 = cluster.s3.client()
    wait_until(
        lambda: not s3.list_objects_v2(Bucket="images", Prefix=f"renderq/jobs/{job.id}/")["KeyCount"],
        "the removal of what the lost job wrote",
    )


def _is_refused(call: Callable[[], object], error: type[RenderqError]) -> bool:
    try:
        call()
    except error:
        return True
    return False


@pytest.mark.long
def test_clocks_of_hosts_may_be_wrong(tmp_path: Path, tallies: dict[str, Tally]) -> None:
    tally = tallies.setdefault("clocks an hour apart", Tally())
    with FaultCluster(tmp_path, skews_s=(-1800.0, 1800.0, -600.0)) as cluster:
        for number in range(ROUNDS):
            strike = FAULTS["worker killed"] if number else nothing
            run_round(cluster, strike, Random(f"{SEED}/clocks/{number}"), tally)
    require_harmless(tally)
