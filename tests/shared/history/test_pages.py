"""Lists of the history: order, pages, filters."""

import pytest

from renderq.contract import Status
from renderq_shared.history import History, HistoryFilter
from tests.shared.history.ended_jobs import MIDNIGHT_MS, ended_job, failed_job

ALL = HistoryFilter()


async def listed_ids(history: History, job_filter: HistoryFilter = ALL, limit: int = 100) -> list[str]:
    """Return the ids of all pages."""
    ids: list[str] = []
    after = None
    while True:
        page = await history.page("ada", job_filter, limit, after)
        ids += [job.id for job in page.records]
        if page.last is None:
            return ids
        assert len(page.records) == limit
        after = page.last


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_return_every_job_once_newest_first(history: History, limit: int) -> None:
    created = {"G": 3, "a": 1, "B": 2, "c": 2, "D": 2, "e": 1, "F": 3}
    jobs = [ended_job(f"job_{name}", created_ms=MIDNIGHT_MS + time) for name, time in created.items()]
    await history.archive(jobs)
    expected = sorted(jobs, key=lambda job: (job.created_ms, job.id), reverse=True)
    assert await listed_ids(history, limit=limit) == [job.id for job in expected]


async def test_each_filter_selects(history: History) -> None:
    selected = ended_job(
        "job_a",
        status=Status.CANCELED,
        model="other",
        task="img2img",
        seed=11,
        kept=True,
        labels_json='["x","y"]',
        metadata={"order": "17", "user": "u"},
        prompt="blue square",
        created_ms=MIDNIGHT_MS + 5,
    )
    failed, other = failed_job("job_b", created_ms=MIDNIGHT_MS), ended_job("job_c", metadata={"order": "1"})
    await history.archive([selected, failed, other])
    for job_filter in (
        HistoryFilter(status=Status.CANCELED),
        HistoryFilter(model="other"),
        HistoryFilter(task="img2img"),
        HistoryFilter(seed=11),
        HistoryFilter(kept=True),
        HistoryFilter(labels=("x",)),
        HistoryFilter(labels=("y", "x")),
        HistoryFilter(metadata=(("order", "17"),)),
        HistoryFilter(metadata=(("user", "u"), ("order", "17"))),
        HistoryFilter(created_after_ms=MIDNIGHT_MS + 4),
        HistoryFilter(created_after_ms=MIDNIGHT_MS, created_before_ms=MIDNIGHT_MS + 6),
    ):
        assert await listed_ids(history, job_filter) == ["job_a"], job_filter
    for job_filter in (
        HistoryFilter(labels=("x", "z")),
        HistoryFilter(metadata=(("order", "1"), ("user", "u"))),
        HistoryFilter(model="other", status=Status.SUCCEEDED),
        HistoryFilter(created_after_ms=MIDNIGHT_MS + 5),
        HistoryFilter(model="nul \0"),  # PostgreSQL has no such text
    ):
        assert await listed_ids(history, job_filter) == [], job_filter
    assert await listed_ids(history, HistoryFilter(error_code="nan_output")) == ["job_b"]
    assert await listed_ids(history, HistoryFilter(kept=False)) == ["job_c", "job_b"]


async def test_batches_are_known_by_their_jobs(history: History) -> None:
    members = [("a", "ada", Status.SUCCEEDED), ("a", "ada", Status.CANCELED), ("b", "ada", Status.EXPIRED)]
    members += [("c", "bob", Status.SUCCEEDED), ("d", "ada", Status.SUCCEEDED)]
    await history.archive(
        [
            ended_job(f"job_{index}", tenant=tenant, status=status, batch_id=f"batch_{letter}", batch_json="{}")
            for index, (letter, tenant, status) in enumerate(members)
        ]
    )
    await history.archive([ended_job("job_alone")])
    assert await history.batch_statuses("ada", "batch_a") == {"job_0": "succeeded", "job_1": "canceled"}
    assert await history.batch_statuses("ada", "batch_c") == {}
    assert await listed_ids(history, HistoryFilter(batch_id="batch_a")) == ["job_1", "job_0"]
    assert await history.batches("ada", 2) == ("batch_d", "batch_b")
    assert await history.batches("ada", 2, "batch_b") == ("batch_a",)
    await history.delete("ada", "job_2")
    assert await history.batches("ada", 9) == ("batch_d", "batch_a")
