"""A purge leaves no trace of a tenant in the database, also not by a process that was slow, and all of the others."""

import asyncio
import contextlib
import sqlite3
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from renderq_shared.history import History, HistoryFilter, open_history
from renderq_shared.jobs import JobRecord
from tests.shared.history.ended_jobs import ended_job, failed_job
from tests.stored_traces import database_contents, file_contents

ALL = HistoryFilter()
DAY, LATER = date(2026, 11, 25), date(2027, 11, 25)
STARTED_MS = time.time_ns() // 1_000_000
ADA, BOB = "quokka", "wombat"


def jobs_of(tenant: str) -> list[JobRecord]:
    words = {"prompt": f"walrus-{tenant} at noon", "negative_prompt": f"fog-{tenant}"}
    details = {"metadata": {f"name-{tenant}": f"value-{tenant}"}, "labels_json": f'["label-{tenant}"]'}
    jobs = [ended_job(f"job_{tenant}_{number}", tenant=tenant, **words, **details) for number in range(30)]
    return [*jobs, failed_job(f"job_{tenant}_failed", tenant=tenant, **words)]


async def purge(history: History, tenant: str = ADA, started_ms: int = STARTED_MS) -> None:
    await history.start_purge(tenant, started_ms)
    while records := (await history.page(tenant, ALL, 10)).records:
        await history.purge_jobs(tenant, [job.id for job in records])
    await history.purge_jobs(tenant, [removal.job_id for removal in await history.removals(100, tenant)])
    await history.finish_purge(tenant, started_ms)
    await history.erase_deleted()


async def test_nothing_of_the_tenant_is_left_and_all_of_the_others(history: History, history_url: str) -> None:
    await history.archive([*jobs_of(ADA), *jobs_of(BOB)])
    for tenant in (ADA, BOB):
        assert await history.delete(tenant, f"job_{tenant}_0")
    before = await database_contents(history_url)
    assert all(trace in before for trace in ("walrus-quokka", "fog", "job_quokka_0", "name-quokka", "label-quokka"))
    await purge(history)
    left = await database_contents(history_url)
    deleted_before = "job_quokka_0"  # by the tenant, whose name is not stored with it
    assert ADA not in left.replace(deleted_before, "")
    assert await history.usage(ADA, DAY, LATER) == ()
    assert [removal.tenant for removal in await history.removals(100)] == [BOB]
    assert len((await history.page(BOB, ALL, 100)).records) == 30
    assert [day.jobs for day in await history.usage(BOB, DAY, LATER)] == [31]
    found = await history.page(
        BOB, HistoryFilter(labels=("label-wombat",), metadata=(("name-wombat", "value-wombat"),)), 100
    )
    assert len(found.records) == 29


def leave_deleted_text(path: Path, word: str) -> None:
    """Write and delete text as a build of SQLite does that does not overwrite what it deletes."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        with connection:
            connection.execute("INSERT INTO deleted_jobs VALUES (?, 0)", (word * 2_000,))
        with connection:
            connection.execute("DELETE FROM deleted_jobs WHERE deleted_ms = 0")


async def test_nothing_is_left_in_the_files_of_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/history.db"
    async with open_history(url) as history:
        await history.migrate()
        for tenant in (ADA, BOB):
            await history.archive(jobs_of(tenant))
            await history.archive([replace(job, version=9, labels_json='["changed"]') for job in jobs_of(tenant)])
        await asyncio.to_thread(leave_deleted_text, tmp_path / "history.db", ADA)
        assert ADA.encode() in file_contents(tmp_path)
        await purge(history)
        files = file_contents(tmp_path)  # while the history is open: its log, too
    assert ADA.encode() not in files
    assert b"walrus-wombat" in files


async def test_a_job_from_before_is_refused_later_and_a_new_one_is_not(history: History) -> None:
    old, new = ended_job("job_old", tenant=ADA), ended_job("job_new", tenant=ADA, created_ms=STARTED_MS + 1)
    await history.archive([old])
    await purge(history)
    result = await history.archive([old, new, ended_job("job_wombat", tenant=BOB)])
    assert (result.added, result.refused) == (2, {"job_old"})
    assert [job.id for job in (await history.page(ADA, ALL, 10)).records] == ["job_new"]
    assert await history.usage(ADA, DAY, DAY) != ()


async def test_a_purge_that_was_finished_deletes_nothing_that_came_later(history: History) -> None:
    await history.archive([ended_job("job_old", tenant=ADA)])
    await purge(history)
    new = ended_job("job_new", tenant=ADA, created_ms=STARTED_MS + 1)
    await history.archive([new])
    await history.start_purge(ADA, STARTED_MS)
    await history.finish_purge(ADA, STARTED_MS)
    assert [day.jobs for day in await history.usage(ADA, DAY, LATER)] == [1]
    await purge(history, started_ms=STARTED_MS + 2)
    assert await history.usage(ADA, DAY, LATER) == ()
    assert (await history.archive([new])).refused == {"job_new"}
    await history.start_purge(ADA, STARTED_MS)
    assert (await history.archive([new])).refused == {"job_new"}


async def test_no_job_appears_once_a_purge_has_started(history: History, history_url: str) -> None:
    async def archive(lane: int) -> None:
        for number in range(15):
            await history.archive([ended_job(f"job_{lane}_{number}", tenant=ADA)])

    async def start() -> set[str]:
        await history.archive([ended_job("job_first", tenant=ADA)])
        await history.start_purge(ADA, STARTED_MS)
        return {job.id for job in (await history.page(ADA, ALL, 100)).records}

    known, *_ = await asyncio.gather(start(), *(archive(lane) for lane in range(4)))
    assert {job.id for job in (await history.page(ADA, ALL, 200)).records} == known
    assert "job_first" in known


async def test_another_tenants_jobs_are_not_purged_by_their_id(history: History) -> None:
    await history.archive([ended_job("job_wombat", tenant=BOB)])
    await history.purge_jobs(ADA, ["job_wombat"])
    assert await history.get_job(BOB, "job_wombat") is not None
