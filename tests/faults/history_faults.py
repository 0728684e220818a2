"""Faults of the history, one function each: it strikes a cluster, ends jobs meanwhile, and repairs the cluster."""

import time
from collections.abc import Callable
from random import Random

from renderq.cli import main
from tests.faults.history_cluster import SWEEP_S, UNARCHIVED, HistoryCluster
from tests.faults.history_databases import HistoryDatabase, PostgresDatabase
from tests.polling import wait_until

MEANWHILE = 4
"""Number of jobs that end during a fault."""

HistoryFault = Callable[[HistoryCluster, Random], None]

_REVISION = "SELECT version_num FROM alembic_version"
_SET_REVISION = "UPDATE alembic_version SET version_num = '{}'"
_UNDO = {
    "0006": (
        "DROP TABLE deliveries",
        "DROP INDEX jobs_by_batch",
        "ALTER TABLE jobs DROP COLUMN batch_id",
        _SET_REVISION.format("0004"),
    ),
}
"""Revision of this release → statements that undo the migrations since a release that cannot store its jobs."""


def kill_database(cluster: HistoryCluster, random: Random) -> None:
    assert isinstance(cluster.database, PostgresDatabase)
    cluster.database.kill()
    cluster.end_jobs(MEANWHILE)
    wait_until(cluster.is_degraded, "the notice of the outage")
    cluster.database.restart()


def freeze_database(cluster: HistoryCluster, random: Random) -> None:
    """Shorter or longer than a process waits for a lock."""
    cluster.end_jobs(MEANWHILE)
    cluster.database.freeze(random.uniform(0.5, 6))


def fill_disk(cluster: HistoryCluster, random: Random) -> None:
    """The disk is really full; jobs end until the first one is refused."""
    cluster.database.fill_disk()
    cluster.end_jobs(MEANWHILE)
    while not cluster.is_degraded():
        cluster.submit_jobs(1)
        cluster.end_jobs(1)
    cluster.database.disk.free()
    cluster.database.restart()


def restore_older_tables(cluster: HistoryCluster, random: Random) -> None:
    """The tables of an earlier release come back while the APIs run."""
    [head] = cluster.database.column(_REVISION)
    cluster.database.execute(*_UNDO[head])
    cluster.end_jobs(MEANWHILE)


def upgrade_tables(cluster: HistoryCluster, random: Random) -> None:
    """A newer release changes the tables while the APIs run, and the operator goes back."""
    [head] = cluster.database.column(_REVISION)
    cluster.database.execute("ALTER TABLE usage_days RENAME TO usage", _SET_REVISION.format("9999"))
    cluster.end_jobs(MEANWHILE)
    wait_until(cluster.is_degraded, "the notice of the newer release")
    cluster.database.execute("ALTER TABLE usage RENAME TO usage_days", _SET_REVISION.format(head))


def restore_backup(cluster: HistoryCluster, random: Random) -> None:
    """The backup lacks jobs that Redis has dropped; `renderq jobs restore` adds them."""
    cluster.wait_until_archived()
    cluster.database.back_up()
    cluster.end_jobs(MEANWHILE)
    cluster.wait_until_archived()
    cluster.look()
    cluster.release_archived()
    cluster.database.restore()
    assert main(["jobs", "restore", "--history-url", cluster.database.url, "--data", str(cluster.data)]) == 0


def archive_twice(cluster: HistoryCluster, random: Random) -> None:
    """Both APIs get the same jobs again and again, and archive them at once."""
    with cluster.confirmations_refused():
        cluster.end_jobs(MEANWHILE)
        for _ in range(20):
            cluster.make_due(UNARCHIVED)
            time.sleep(random.uniform(0, SWEEP_S))  # each API may be anywhere in its pass


def kill_apis(cluster: HistoryCluster, random: Random) -> None:
    """SIGKILL when the history has the jobs and Redis does not know that, and at a random moment of the repetition."""
    with cluster.confirmations_refused():
        cluster.end_jobs(MEANWHILE)
        cluster.make_due(UNARCHIVED)
        wait_until(cluster.has_stored_all, "the commit of the jobs")
        cluster.kill_apis()
    cluster.start_apis()
    cluster.make_due(UNARCHIVED)
    time.sleep(random.uniform(0, 2 * SWEEP_S))  # before, in or after the pass that archives them
    cluster.kill_apis()
    cluster.start_apis()


HISTORY_FAULTS: dict[str, HistoryFault] = {
    "history: database killed and restarted": kill_database,
    "history: database frozen or locked": freeze_database,
    "history: disk full": fill_disk,
    "history: tables of an older release": restore_older_tables,
    "history: tables of a newer release": upgrade_tables,
    "history: restored from a backup": restore_backup,
    "history: two APIs archive the same jobs": archive_twice,
    "history: both APIs killed while archiving": kill_apis,
}


def reason_to_skip(fault: str, database: HistoryDatabase) -> str | None:
    """Return why a database cannot have this fault."""
    inject = HISTORY_FAULTS[fault]
    if inject is kill_database and not isinstance(database, PostgresDatabase):
        return "SQLite has no server"
    if inject is fill_disk and not database.disk.is_mounted:
        return "only the superuser may mount a small disk"
    return None
