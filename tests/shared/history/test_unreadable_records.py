"""A record that cannot be read takes no other job with it: it is left out by name, and can be deleted."""

import pytest
from structlog.testing import capture_logs

from renderq.contract import LIMITS
from renderq_shared.errors import RecordUnreadable
from renderq_shared.history import History, HistoryFilter
from renderq_shared.jobs import ArchivedRemoval, JobPage, JobPosition
from tests.shared.history.ended_jobs import MIDNIGHT_MS, ended_job
from tests.shared.history.raw_sql import execute

ALL = HistoryFilter()


async def test_it_is_left_out_by_name_and_can_be_deleted(history: History, history_url: str) -> None:
    damage = ["{", "[]", "null", "{}", "[" * 100_000, '{"status":"melted"}']
    jobs = [ended_job(f"job_{history_url[:6]}_{number}") for number in range(2 + len(damage))]
    await history.archive(jobs)
    damaged = [job.id for job in jobs[1:-1]]
    updates = zip(damage, damaged, strict=True)
    execute(history_url, *(f"UPDATE jobs SET record = '{text}' WHERE id = '{job_id}'" for text, job_id in updates))
    positions = tuple(JobPosition(MIDNIGHT_MS, job_id) for job_id in reversed(damaged))
    expected = JobPage((jobs[-1],), positions[-1], positions)
    with capture_logs() as logs:
        assert [await history.page("ada", ALL, 7) for _ in range(2)] == [expected] * 2
    assert [(log["event"], log["record_id"]) for log in logs] == [("record.unreadable", id) for id in damaged[::-1]]
    assert await history.page("ada", ALL, 7, expected.last) == JobPage((jobs[0],), None)
    for job_id in damaged:
        with pytest.raises(RecordUnreadable, match=f"record {job_id} cannot be read"):
            await history.get_job("ada", job_id)
        with pytest.raises(RecordUnreadable):
            await history.annotate("ada", job_id, kept=True)
    assert await history.delete("ada", *damaged) == set(damaged)
    assert (await history.page("ada", ALL, 7)).unreadable == ()
    removals = {ArchivedRemoval("ada", job_id, LIMITS.images, is_deleted=True) for job_id in damaged}
    assert set(await history.removals(10)) == removals
