"""Webhook deliveries come to the history after their job, and leave with it."""

import pytest

from renderq_shared.history import History, HistoryRetention
from tests.shared.history import raw_sql
from tests.shared.history.ended_jobs import DAY_MS, MIDNIGHT_MS, delivery, ended_job


async def test_they_are_returned_as_they_were(history: History) -> None:
    found = [delivery("job_a"), delivery("job_b", log_json=None)]
    await history.archive([ended_job("job_a"), ended_job("job_b")])
    await history.archive_deliveries(found)
    assert await history.deliveries("ada", "job_a") == (found[0],)
    assert await history.delivery("ada", "msg_b_succeeded") == found[1]


async def test_those_of_another_tenant_are_not_returned(history: History) -> None:
    await history.archive([ended_job("job_a")])
    await history.archive_deliveries([delivery("job_a")])
    assert await history.deliveries("bob", "job_a") == ()
    for tenant, name in (("bob", "msg_a_succeeded"), ("ada", "msg_a_failed"), ("ada", "\0\ud800")):
        assert await history.delivery(tenant, name) is None


async def test_a_later_log_replaces_an_earlier_one(history: History) -> None:
    await history.archive([ended_job("job_a")])
    for log_json in ("[1]", "[1, 2]"):
        await history.archive_deliveries([delivery("job_a", log_json)])
    await history.annotate("ada", "job_a", labels=["x"])
    assert await history.deliveries("ada", "job_a") == (delivery("job_a", "[1, 2]"),)


@pytest.mark.parametrize("end", ["deletion", "purge", "retention"])
async def test_they_leave_with_their_job_and_do_not_return(history: History, history_url: str, end: str) -> None:
    found = [delivery("job_a"), delivery("job_b")]
    await history.archive([ended_job("job_a"), ended_job("job_b", completed_ms=MIDNIGHT_MS + 2 * DAY_MS)])
    await history.archive_deliveries(found)
    if end == "deletion":
        await history.delete("ada", "job_a")
    elif end == "purge":
        await history.purge_jobs("ada", ["job_a"])
    else:
        retention = HistoryRetention(MIDNIGHT_MS + 2 * DAY_MS, DAY_MS, DAY_MS)
        for _ in range(2):
            await history.expire(retention, 10)
    await history.archive_deliveries(found)
    assert [row[1] for row in (await raw_sql.all_rows(history_url))["deliveries"]] == ["msg_b_succeeded"]


async def test_one_that_cannot_be_read_is_left_out(history: History, history_url: str) -> None:
    await history.archive([ended_job("job_a"), ended_job("job_b")])
    await history.archive_deliveries([delivery("job_a"), delivery("job_b")])
    raw_sql.execute(history_url, "UPDATE deliveries SET record = '{}' WHERE id = 'msg_a_succeeded'")
    assert await history.deliveries("ada", "job_a") == ()
    assert await history.delivery("ada", "msg_a_succeeded") is None
    assert await history.deliveries("ada", "job_b") == (delivery("job_b"),)
