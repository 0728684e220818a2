"""A copy has everything that its source has, however often it is repeated, and counts each job once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from renderq_shared.errors import HistoryUnsuitable
from renderq_shared.history import History, HistoryFilter, HistoryRetention, open_history, parse_search
from renderq_shared.history.maintenance import SchemaState, copy_history, inspect_history, job_batches, migrate_history
from renderq_shared.history.maintenance.copy import CopyResult
from tests.shared.history import raw_sql
from tests.shared.history.ended_jobs import DAY_MS, MIDNIGHT_MS, delivery, ended_job, failed_job

DAY = date(2026, 11, 25)
ODD = "nul \0, lone surrogate \ud800, quote ' \" \\ %, 猫 🎨"
EXPIRY = HistoryRetention(MIDNIGHT_MS + 10 * DAY_MS, outputs_ms=DAY_MS, jobs_ms=None)


class Ends(NamedTuple):
    """Both ends of a copy, and their URLs."""

    source: History
    source_url: str
    target: History
    target_url: str

    async def copy(self, on_progress: Callable[[int, int], None] = lambda _done, _total: None) -> CopyResult:
        return await copy_history(self.source_url, self.target_url, on_progress)

    async def jobs(self, tenant: str = "ada") -> dict[str, int]:
        """Return the number of jobs that each counts for a day."""
        source, target = await self.source.usage(tenant, DAY, DAY), await self.target.usage(tenant, DAY, DAY)
        return {"source": sum(day.jobs for day in source), "target": sum(day.jobs for day in target)}


BOTH_WAYS = pytest.mark.parametrize("ends", ["sqlite to postgresql", "postgresql to sqlite"], indirect=True)


@pytest.fixture
async def ends(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> AsyncIterator[Ends]:
    urls = [f"sqlite:///{tmp_path}/history.db", postgres_url]
    if getattr(request, "param", "") == "postgresql to sqlite":
        urls.reverse()
    async with open_history(urls[0]) as source, open_history(urls[1]) as target:
        await source.migrate()
        await target.migrate()
        yield Ends(source, urls[0], target, urls[1])


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_batches, "BATCH", 2)


async def fill(history: History) -> None:
    """Archive jobs of every kind: of two tenants, changed, expired, kept, deleted and odd ones."""
    await history.archive(
        [
            ended_job("job_a", metadata={"order": "17"}, labels_json='["x","y"]', outputs=3),
            failed_job("job_b", tenant="bob"),
            ended_job("job_c", kept=True, completed_ms=MIDNIGHT_MS + DAY_MS),
            ended_job("job_d", prompt=ODD, negative_prompt=ODD, metadata={ODD: ODD}),
            ended_job("job_e", outputs=4),
        ]
    )
    await history.archive_deliveries([delivery(job_id) for job_id in ("job_a", "job_c", "job_e")])
    await history.annotate("ada", "job_a", labels=["z"])
    await history.delete("ada", "job_e")
    await history.start_purge("eve", MIDNIGHT_MS)
    await history.expire(replace(EXPIRY, now_ms=MIDNIGHT_MS + DAY_MS + 1_000), 1)


@BOTH_WAYS
async def test_everything_is_copied(ends: Ends, small_batches: None) -> None:
    await fill(ends.source)
    before = await raw_sql.all_rows(ends.source_url)
    assert all(before.values()), "every table has rows"
    done: list[tuple[int, int]] = []
    result = await ends.copy(lambda *counts: done.append(counts))
    assert await raw_sql.all_rows(ends.target_url) == before
    assert await raw_sql.all_rows(ends.source_url) == before
    assert (result.added, result.check.jobs, result.check.problems) == (4, 4, ())
    assert result.check.source_digest == result.check.target_digest
    assert done == [(2, 4), (4, 4)]
    assert (await inspect_history(ends.target_url)).findings == ()


async def test_a_copy_is_searched_and_refuses_deleted_jobs(ends: Ends) -> None:
    await fill(ends.source)
    await ends.copy()
    found = await ends.target.page("ada", HistoryFilter(search=parse_search('"red circle"'), labels=("z",)), 10)
    assert [job.id for job in found.records] == ["job_a"]
    assert found.records == (await ends.source.page("ada", HistoryFilter(labels=("z",)), 10)).records
    assert (await ends.target.archive([ended_job("job_e")])).refused == {"job_e"}


async def test_a_repeated_copy_changes_nothing(ends: Ends) -> None:
    await fill(ends.source)
    first = await ends.copy()
    rows = await raw_sql.all_rows(ends.target_url)
    again = await ends.copy()
    assert await raw_sql.all_rows(ends.target_url) == rows
    assert (again.added, again.check) == (0, first.check)


@BOTH_WAYS
async def test_an_interrupted_copy_is_resumed(ends: Ends, small_batches: None) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(done: int, _total: int) -> None:
        if done == 2:
            raise Interrupted

    await fill(ends.source)
    with pytest.raises(Interrupted):
        await ends.copy(interrupt)
    assert len((await raw_sql.all_rows(ends.target_url))["jobs"]) == 2
    assert (await ends.copy()).added == 2
    assert await raw_sql.all_rows(ends.target_url) == await raw_sql.all_rows(ends.source_url)


@BOTH_WAYS
async def test_a_repeated_copy_follows_the_source(ends: Ends) -> None:
    await fill(ends.source)
    await ends.copy()
    await ends.source.archive([ended_job("job_f", outputs=2), ended_job("job_g")])
    await ends.source.delete("ada", "job_d")
    await ends.source.delete("ada", "job_g")
    await ends.source.annotate("ada", "job_c", labels=["new"])
    await ends.source.expire(EXPIRY, 10)
    result = await ends.copy()
    assert await raw_sql.all_rows(ends.target_url) == await raw_sql.all_rows(ends.source_url)
    assert (result.check.problems, result.check.only_in_target) == ((), 0)


async def test_higher_versions_and_deletions_of_the_target_are_kept(ends: Ends) -> None:
    await fill(ends.source)
    await ends.copy()
    changed = await ends.target.annotate("ada", "job_c", labels=["mine"])
    await ends.target.delete("ada", "job_a")
    result = await ends.copy()
    assert await ends.target.get_job("ada", "job_c") == changed
    assert await ends.target.get_job("ada", "job_a") is None
    assert (result.check.newer, result.check.deleted, result.check.problems) == (1, 1, ())
    assert await ends.target.usage(None, DAY, date.max) == await ends.source.usage(None, DAY, date.max)


async def test_a_job_that_both_have_counted_is_counted_once(ends: Ends) -> None:
    """APIs have used the target before: jobs that Redis still had arrived in both."""
    await ends.source.archive([ended_job(f"job_{name}") for name in "abcde"])
    await ends.source.delete("ada", "job_e")
    own = [ended_job("job_own"), ended_job("job_gone")]
    await ends.target.archive([ended_job("job_a", version=9), ended_job("job_b"), *own])
    for deleted in ("job_b", "job_gone"):
        await ends.target.delete("ada", deleted)
    for _ in range(2):
        check = (await ends.copy()).check
        assert (check.only_in_target, check.newer, check.deleted) == (1, 1, 1)
        assert await ends.jobs() == {"source": 5, "target": 7}


async def test_images_that_expired_in_between_are_counted(ends: Ends) -> None:
    await ends.source.archive([ended_job("job_a", outputs=3), ended_job("job_b", outputs=3)])
    for _ in range(3):
        await ends.copy()
        await ends.source.expire(EXPIRY, 1)
    [usage] = await ends.target.usage("ada", DAY, DAY)
    assert (usage.jobs, usage.images) == (2, 6)


@BOTH_WAYS
async def test_apis_may_use_the_target_meanwhile(ends: Ends, small_batches: None) -> None:
    async def use_target() -> None:
        async with open_history(ends.target_url) as history:
            await history.archive([ended_job("job_own", outputs=2), ended_job("job_gone")])
            await history.delete("ada", "job_gone")
            await history.delete("ada", "job_a")
            await history.annotate("bob", "job_b", kept=True)

    await fill(ends.source)
    result = await ends.copy(lambda done, _total: run_apart(use_target()) if done == 2 else None)
    assert (result.check.problems, result.check.deleted, result.check.only_in_target) == ((), 1, 1)
    assert await ends.jobs() == {"source": 3, "target": 5}
    assert (await inspect_history(ends.target_url)).findings == ()


def run_apart(action: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread to its end."""
    thread = threading.Thread(target=asyncio.run, args=(action,))
    thread.start()
    thread.join()


async def test_a_record_that_cannot_be_read_holds_up_no_other(ends: Ends) -> None:
    await ends.source.archive([ended_job("job_a"), ended_job("job_b")])
    raw_sql.execute(ends.source_url, "UPDATE jobs SET record = '[]' WHERE id = 'job_a'")
    result = await ends.copy()
    assert result.check.problems == ("1 records of the source cannot be read and are not copied",)
    assert await ends.target.get_job("ada", "job_b") == ended_job("job_b")
    assert await ends.jobs() == {"source": 2, "target": 2}


async def test_a_copy_rebuilds_damaged_rows(ends: Ends) -> None:
    await fill(ends.source)
    damage = (
        "DELETE FROM labels",
        "DELETE FROM job_words",
        "UPDATE jobs SET seed = 1",
        "UPDATE usage_days SET jobs = 0",
    )
    raw_sql.execute(ends.source_url, *damage)
    assert len((await inspect_history(ends.source_url)).findings) == 4
    await ends.copy()
    assert (await inspect_history(ends.target_url)).findings == ()


async def test_a_difference_is_reported(ends: Ends) -> None:
    await fill(ends.source)
    await ends.copy()
    raw_sql.execute(ends.target_url, "UPDATE jobs SET record = replace(record, 'shapes', 'other') WHERE id = 'job_c'")
    assert (await ends.copy()).check.problems == ("records differ between source and target",)


async def test_sources_of_another_release_are_refused(ends: Ends) -> None:
    raw_sql.execute(ends.source_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(HistoryUnsuitable, match="9999 is newer than this release"):
        await ends.copy()
    raw_sql.execute(ends.source_url, "DROP TABLE alembic_version")
    with pytest.raises(HistoryUnsuitable, match="renderq history migrate"):
        await ends.copy()


async def test_a_copy_that_could_bring_deleted_jobs_back_is_refused(ends: Ends) -> None:
    await fill(ends.source)
    await ends.copy()
    with pytest.raises(HistoryUnsuitable, match="the source was copied from the target"):
        await copy_history(ends.target_url, ends.source_url, lambda _done, _total: None)
    with pytest.raises(HistoryUnsuitable, match="the same database"):
        await copy_history(ends.source_url, ends.source_url, lambda _done, _total: None)
    raw_sql.execute(ends.target_url, f"UPDATE copies SET deletions_ms = deletions_ms - {23 * 3_600_000}")
    with pytest.raises(HistoryUnsuitable, match="23 hours old"):
        await ends.copy()


async def purge(history: History, tenant: str, *job_ids: str) -> None:
    await history.start_purge(tenant, MIDNIGHT_MS + DAY_MS)
    await history.purge_jobs(tenant, job_ids)
    await history.finish_purge(tenant, MIDNIGHT_MS + DAY_MS)


async def test_a_tenant_that_the_source_has_purged_stays_purged(ends: Ends) -> None:
    await fill(ends.source)
    await purge(ends.source, "bob", "job_b")
    for _ in range(2):
        await ends.copy()
        assert await raw_sql.all_rows(ends.target_url) == await raw_sql.all_rows(ends.source_url)
    assert (await ends.target.archive([failed_job("job_b", tenant="bob")])).refused == {"job_b"}
    await ends.source.start_purge("ada", MIDNIGHT_MS + DAY_MS)
    with pytest.raises(HistoryUnsuitable, match="deleted the data of a tenant"):
        await ends.copy()


async def test_a_tenant_that_the_target_has_purged_does_not_come_back(ends: Ends) -> None:
    await fill(ends.source)
    await ends.copy()
    await purge(ends.target, "bob", "job_b")
    for has_usage in ("false", "true"):
        raw_sql.execute(ends.target_url, f"UPDATE copies SET has_usage = {has_usage}")
        check = (await ends.copy()).check
        assert (check.deleted, check.problems) == (1, ())
    assert "bob" not in repr(await raw_sql.all_rows(ends.target_url))


async def test_removals_of_a_tenant_that_the_target_has_purged_are_not_copied(ends: Ends) -> None:
    await fill(ends.source)
    await ends.source.delete("bob", "job_b")
    await purge(ends.target, "bob")
    await ends.copy()
    assert {removal.job_id for removal in await ends.target.removals(10)} == {"job_a", "job_e"}
    assert "bob" not in repr(await raw_sql.all_rows(ends.target_url))


async def test_removals_of_a_tenant_that_lives_on_after_its_purge_are_copied(ends: Ends) -> None:
    await purge(ends.source, "bob")
    await ends.source.archive([failed_job("job_new", tenant="bob", created_ms=MIDNIGHT_MS + 2 * DAY_MS)])
    await ends.source.delete("bob", "job_new")
    await ends.copy()
    assert [removal.job_id for removal in await ends.target.removals(10)] == ["job_new"]


async def test_a_target_without_tables_gets_them(ends: Ends, tmp_path: Path) -> None:
    await fill(ends.source)
    url = f"sqlite:///{tmp_path}/new.db"
    await copy_history(ends.source_url, url, lambda _done, _total: None)
    assert await raw_sql.all_rows(url) == await raw_sql.all_rows(ends.source_url)
    assert (await migrate_history(url)).state is SchemaState.CURRENT
