"""Retention of the history: images expire, then records; kept jobs stay; the job store removes the files."""

from dataclasses import replace

import pytest

from renderq_shared.history import ExpiryResult, History, HistoryFilter, HistoryRetention
from renderq_shared.jobs import ArchivedRemoval
from tests.shared.history.ended_jobs import DAY_MS, MIDNIGHT_MS, ended_job
from tests.shared.history.raw_sql import execute

ALL = HistoryFilter()


def after_days(days: float, outputs: int | None = 7, jobs: int | None = 14) -> HistoryRetention:
    return HistoryRetention(
        MIDNIGHT_MS + round(days * DAY_MS),
        None if outputs is None else outputs * DAY_MS,
        None if jobs is None else jobs * DAY_MS,
    )


async def listed(history: History, job_filter: HistoryFilter = ALL) -> list[str]:
    return [job.id for job in (await history.page("ada", job_filter, 100)).records]


async def test_images_expire_before_their_record(history: History) -> None:
    job = ended_job("job_a", completed_ms=MIDNIGHT_MS)
    await history.archive([job])
    assert (await history.expire(after_days(6.9), 100)).outputs_expired == ()
    assert (await history.expire(after_days(7), 100)).outputs_expired == ("job_a",)
    expired = await history.get_job("ada", "job_a")
    assert expired is not None
    assert (expired.outputs_json, expired.grid_json, expired.outputs_expired) == (None, None, True)
    assert expired.version == job.version + 1
    assert await history.removals(100) == (ArchivedRemoval("ada", "job_a", 1, is_deleted=False),)
    assert (await history.expire(after_days(13.9), 100)).deleted == ()
    assert (await history.expire(after_days(14), 100)).deleted == ("job_a",)
    assert await history.get_job("ada", "job_a") is None
    await history.archive([job])
    assert await listed(history) == []


async def test_a_kept_job_does_not_expire_until_it_is_released(history: History) -> None:
    await history.archive([ended_job("job_a", kept=True)])
    assert await history.expire(after_days(1_000), 100) == ExpiryResult((), (), more=False)
    await history.annotate("ada", "job_a", kept=False)
    assert (await history.expire(after_days(1_000), 100)).outputs_expired == ("job_a",)


@pytest.mark.parametrize(("outputs", "jobs", "left"), [(None, 1, 1), (1, None, 1), (1, 0, 0)])
async def test_no_limit_keeps_forever(history: History, outputs: int | None, jobs: int | None, left: int) -> None:
    await history.archive([ended_job("job_a")])
    await history.expire(after_days(10_000, outputs, jobs), 100)
    assert len(await listed(history)) == left


async def test_above_a_size_of_all_images_the_oldest_expire(history: History) -> None:
    await history.archive(
        [
            ended_job("job_kept", kept=True, completed_ms=MIDNIGHT_MS),
            *(ended_job(f"job_{n}", outputs=2, completed_ms=MIDNIGHT_MS + n) for n in range(1, 4)),
            ended_job("job_4", tenant="bob", completed_ms=MIDNIGHT_MS + 4),
        ]
    )
    forever = after_days(0, None, None)
    assert (await history.expire(replace(forever, outputs_bytes=800), 100)).outputs_expired == ()
    assert (await history.expire(replace(forever, outputs_bytes=799), 100)).outputs_expired == ("job_1",)
    assert (await history.expire(replace(forever, outputs_bytes=799), 100)).outputs_expired == ()
    limited = await history.expire(replace(forever, outputs_bytes=0), 2)
    assert (limited.outputs_expired, limited.more) == (("job_2", "job_3"), True)
    assert (await history.expire(replace(forever, outputs_bytes=0), 2)).outputs_expired == ("job_4",)
    kept = await history.get_job("ada", "job_kept")
    assert kept is not None
    assert not kept.outputs_expired


async def test_records_that_cannot_be_read_stay_and_hold_up_no_other(history: History, history_url: str) -> None:
    await history.archive([ended_job(f"job_{n}", completed_ms=MIDNIGHT_MS - 9 + n) for n in range(8)])
    execute(history_url, "UPDATE jobs SET record = '{}' WHERE id <= 'job_4'")
    assert (await history.expire(after_days(7, jobs=None), 2)).outputs_expired == ("job_5", "job_6")
    too_much = HistoryRetention(MIDNIGHT_MS, None, None, outputs_bytes=0)
    assert (await history.expire(too_much, 2)).outputs_expired == ("job_7",)
    assert (await history.expire(after_days(14), 3)).deleted == ("job_5", "job_6", "job_7")


async def test_one_call_does_no_more_than_it_is_asked_to(history: History) -> None:
    await history.archive([ended_job(f"job_{n}", completed_ms=MIDNIGHT_MS + n) for n in range(3)])
    calls = [await history.expire(after_days(8, jobs=None), 2) for _ in range(2)]
    assert [(call.outputs_expired, call.more) for call in calls] == [(("job_0", "job_1"), True), (("job_2",), False)]


async def test_a_removal_is_handed_out_until_it_is_confirmed(history: History) -> None:
    await history.archive([ended_job("job_a"), ended_job("job_b")])
    await history.delete("ada", "job_a")
    await history.delete("ada", "job_unknown")
    removal = ArchivedRemoval("ada", "job_a", 1, is_deleted=True)
    for _ in range(2):
        assert await history.removals(100) == (removal,)
    await history.confirm_removals([removal])
    assert await history.removals(100) == ()


async def test_a_deletion_after_the_expiry_was_handed_out_is_handed_out_too(history: History) -> None:
    await history.archive([ended_job("job_a")])
    await history.expire(after_days(8), 100)
    (expiry,) = await history.removals(100)
    await history.delete("ada", "job_a")
    await history.confirm_removals([expiry])
    assert await history.removals(100) == (ArchivedRemoval("ada", "job_a", 1, is_deleted=True),)
