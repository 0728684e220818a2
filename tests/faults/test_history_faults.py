"""No ended job is lost, doubled or changed on its way into the history: rounds of each fault on both databases."""

import os
from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.fault_round import Tally
from tests.faults.history_cluster import HistoryCluster
from tests.faults.history_databases import PostgresDatabase, SqliteDatabase
from tests.faults.history_faults import HISTORY_FAULTS, reason_to_skip
from tests.faults.history_round import run_round

ROUNDS = int(os.environ.get("RENDERQ_FAULT_ROUNDS", "1"))
SEED = os.environ.get("RENDERQ_FAULT_SEED", "0")

pytestmark = [pytest.mark.system, pytest.mark.timeout(60 + 60 * ROUNDS)]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryCluster]:
    folder = tmp_path_factory.mktemp("cluster")
    database = SqliteDatabase(folder) if request.param == "sqlite" else PostgresDatabase()
    try:
        with HistoryCluster(folder, database) as cluster:
            yield cluster
    finally:
        database.close()


@pytest.mark.parametrize("fault", HISTORY_FAULTS)
def test_the_history_has_every_ended_job_once(cluster: HistoryCluster, tallies: dict[str, Tally], fault: str) -> None:
    if reason := reason_to_skip(fault, cluster.database):
        pytest.skip(reason)
    tally = tallies.setdefault(fault, Tally())
    for number in range(ROUNDS):
        run_round(cluster, HISTORY_FAULTS[fault], Random(f"{SEED}/{fault}/{number}"), tally)
    assert (tally.lost, tally.duplicated) == ([], [])
