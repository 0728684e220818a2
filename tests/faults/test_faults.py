"""No job is lost or doubled: rounds of each fault at random moments."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

import pytest

from tests.faults.fault_cluster import LEASE_S, FaultCluster
from tests.faults.fault_round import Tally, run_round
from tests.faults.faults import FAULTS, nothing

ROUNDS = int(os.environ.get("RENDERQ_FAULT_ROUNDS", "3"))
SEED = os.environ.get("RENDERQ_FAULT_SEED", "0")

pytestmark = [pytest.mark.system, pytest.mark.timeout(60 + 60 * ROUNDS)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultCluster]:
    with FaultCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def require_harmless(tally: Tally) -> None:
    assert (tally.lost, tally.duplicated, tally.taken_from_healthy) == ([], [], [])
    if tally.resumed_s:
        assert median(tally.resumed_s) < 1.5 * LEASE_S


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_or_doubled(cluster: FaultCluster, tallies: dict[str, Tally], fault: str) -> None:
    tally = tallies.setdefault(fault, Tally())
    for number in range(ROUNDS):
        run_round(cluster, FAULTS[fault], Random(f"{SEED}/{fault}/{number}"), tally)
    require_harmless(tally)


def test_clocks_of_hosts_may_be_wrong(tmp_path: Path, tallies: dict[str, Tally]) -> None:
    tally = tallies.setdefault("clocks an hour apart", Tally())
    with FaultCluster(tmp_path, skews_s=(-1800.0, 1800.0, -600.0)) as cluster:
        for number in range(ROUNDS):
            strike = FAULTS["worker killed"] if number else nothing
            run_round(cluster, strike, Random(f"{SEED}/clocks/{number}"), tally)
    require_harmless(tally)
