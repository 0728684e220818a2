"""The history stores each ended job once, in its highest version, until it is deleted."""

import asyncio
from dataclasses import replace
from datetime import date

from renderq_shared.history import History, HistoryFilter, open_history
from tests.shared.history.ended_jobs import ended_job, failed_job

ALL = HistoryFilter()
DAY = date(2026, 11, 25)


async def test_an_archived_job_is_returned_as_its_record(history: History) -> None:
    jobs = [ended_job("job_a", metadata={"order": "17"}, kept=True, labels_json='["x"]'), failed_job("job_b")]
    await history.archive(jobs)
    assert [await history.get_job("ada", "job_a"), await history.get_job("ada", "job_b")] == jobs


async def test_a_job_of_another_tenant_is_not_returned(history: History) -> None:
    await history.archive([ended_job("job_a")])
    assert await history.get_job("bob", "job_a") is None
    assert (await history.page("bob", ALL, 10)).records == ()


async def test_archiving_a_job_again_changes_nothing(history: History) -> None:
    job = ended_job("job_a", metadata={"order": "17"})
    for _ in range(2):
        await history.archive([job, job])
    assert (await history.page("ada", HistoryFilter(metadata=(("order", "17"),)), 10)).records == (job,)


async def test_a_higher_version_replaces_a_job_with_all_its_details(history: History) -> None:
    job = ended_job("job_a", labels_json='["old"]', metadata={"order": "17"})
    newer = replace(job, version=6, labels_json='["new"]', outputs_json=None, outputs_expired=True)
    await history.archive([job])
    await history.archive([newer])
    assert await history.get_job("ada", "job_a") == newer
    assert (await history.page("ada", HistoryFilter(labels=("old",)), 10)).records == ()
    assert (await history.page("ada", HistoryFilter(labels=("new",)), 10)).records == (newer,)


async def test_a_lower_version_is_ignored_in_any_order(history: History) -> None:
    newer, older = ended_job("job_a", version=6, labels_json='["new"]'), ended_job("job_a", version=5)
    await history.archive([newer, older])
    await history.archive([older])
    assert await history.get_job("ada", "job_a") == newer
    assert (await history.page("ada", HistoryFilter(labels=("new",)), 10)).records == (newer,)


async def test_several_processes_archive_the_same_jobs_once(history: History, history_url: str) -> None:
    jobs = [ended_job(f"job_{number:02}") for number in range(40)]
    async with open_history(history_url) as other:
        await asyncio.gather(
            *(each.archive(jobs[start:]) for each in (history, other) for start in (0, 10, 5)),
            history.archive(jobs[::-1]),
        )
    page = await history.page("ada", ALL, 100)
    assert list(page.records) == jobs[::-1]
    (day,) = await history.usage("ada", DAY, DAY)
    assert day.jobs == 40


async def test_a_deleted_job_does_not_come_back(history: History) -> None:
    job = ended_job("job_a", prompt="a red circle", labels_json='["x"]')
    await history.archive([job, ended_job("job_b", prompt="a red circle")])
    assert await history.delete("ada", "job_a")
    await history.archive([replace(job, version=9)])
    assert await history.get_job("ada", "job_a") is None
    assert [found.id for found in (await history.page("ada", ALL, 10)).records] == ["job_b"]


async def test_only_the_owner_deletes_a_job(history: History) -> None:
    await history.archive([ended_job("job_a")])
    assert not await history.delete("bob", "job_a")
    assert await history.get_job("ada", "job_a") is not None


async def test_deleting_what_a_tenant_does_not_have_has_no_effect(history: History) -> None:
    job = ended_job("job_a")
    for tenant in ("ada", "bob"):
        assert not await history.delete(tenant, "job_a")
    await history.archive([job])
    assert await history.get_job("ada", "job_a") == job


async def test_labels_and_kept_are_changed_with_a_new_version(history: History) -> None:
    job = ended_job("job_a")
    await history.archive([job])
    changed = await history.annotate("ada", "job_a", kept=True, labels=["b", "a", "b"])
    assert changed == replace(job, version=6, kept=True, labels_json='["a","b"]')
    assert await history.get_job("ada", "job_a") == changed
    assert await history.annotate("ada", "job_a", kept=True) == changed
    assert await history.annotate("bob", "job_a", kept=False) is None


async def test_any_text_of_a_request_can_be_stored(history: History) -> None:
    odd = "nul \0, lone surrogate \ud800, quote ' \" \\ %, 猫 🎨"
    job = ended_job("job_a", prompt=odd, negative_prompt=odd, metadata={odd: odd}, labels_json='["a\\u0000"]')
    await history.archive([job])
    assert await history.get_job("ada", "job_a") == job
    assert (await history.page("ada", HistoryFilter(metadata=((odd, odd),)), 10)).records == (job,)


async def test_parts_of_a_record_that_cannot_be_read_hold_up_no_other_job(history: History) -> None:
    damaged = dict.fromkeys(("outputs_json", "grid_json", "metrics_json", "labels_json", "error_json"), '{"new": [1')
    jobs = [ended_job("job_a", request_json="[]", **damaged), ended_job("job_b", request_json="{"), ended_job("job_c")]
    await history.archive(jobs)
    assert list((await history.page("ada", ALL, 10)).records) == jobs[::-1]
