"""Usage by day and failures by cause."""

from dataclasses import replace
from datetime import date, timedelta

from renderq_shared.history import FailureCount, History, UsageDay
from renderq_shared.jobs.stored_results import StoredThumbnail, decode_outputs, encode_outputs
from tests.shared.history.ended_jobs import DAY_MS, MIDNIGHT_MS, ended_job, failed_job

DAY = date(2026, 11, 25)
LATER = DAY + timedelta(days=1)


async def test_usage_sums_the_jobs_of_a_day(history: History) -> None:
    await history.archive([ended_job("job_a", outputs=3), ended_job("job_b"), failed_job("job_c", progress_json=None)])
    await history.archive([ended_job("job_d", completed_ms=MIDNIGHT_MS + DAY_MS)])
    used = UsageDay("ada", DAY, jobs=3, images=4, pixels=4 * 64 * 64, steps=40, device_ms=2_100, bytes=400)
    assert await history.usage("ada", DAY, DAY) == (used,)
    assert [day.day for day in await history.usage("ada", DAY, LATER)] == [DAY, LATER]


async def test_thumbnails_take_up_storage_too(history: History) -> None:
    job = ended_job("job_a")
    (output,) = decode_outputs(job.outputs_json)
    small = StoredThumbnail(key="jobs/job_a/c/0.thumbnail.webp", width=320, height=160, size_bytes=7)
    with_thumbnail = encode_outputs([output.model_copy(update={"thumbnail": small})])
    await history.archive([replace(job, outputs_json=with_thumbnail)])
    assert [day.bytes for day in await history.usage("ada", DAY, DAY)] == [output.size_bytes + 7]
    stored = await history.get_job("ada", "job_a")
    assert stored is not None
    assert stored.outputs_json == with_thumbnail


async def test_a_day_begins_at_midnight_utc(history: History) -> None:
    times = {"job_a": MIDNIGHT_MS - 1, "job_b": MIDNIGHT_MS}
    await history.archive([ended_job(job_id, completed_ms=time) for job_id, time in times.items()])
    assert [day.jobs for day in await history.usage("ada", DAY, DAY)] == [1]


async def test_usage_counts_a_job_once_whatever_becomes_of_it(history: History) -> None:
    job = ended_job("job_a")
    await history.archive([job])
    await history.annotate("ada", "job_a", kept=True)
    await history.archive([job])
    await history.delete("ada", "job_a")
    await history.archive([job])
    assert [day.jobs for day in await history.usage("ada", DAY, DAY)] == [1]


async def test_usage_is_separate_by_tenant(history: History) -> None:
    await history.archive([ended_job("job_a"), ended_job("job_b", tenant="bob")])
    assert [day.tenant for day in await history.usage("bob", DAY, DAY)] == ["bob"]
    assert [day.tenant for day in await history.usage(None, DAY, DAY)] == ["ada", "bob"]


async def test_failures_are_counted_by_cause(history: History) -> None:
    await history.archive(
        [
            failed_job("job_a", completed_ms=MIDNIGHT_MS + 1),
            failed_job("job_b", completed_ms=MIDNIGHT_MS + 2, tenant="bob"),
            failed_job("job_c", "worker_lost", worker=None),
            failed_job("job_d", completed_ms=MIDNIGHT_MS - 1),
            ended_job("job_e"),
        ]
    )
    nan = FailureCount("nan_output", "shapes", "w1", jobs=2, last_ms=MIDNIGHT_MS + 2)
    lost = FailureCount("worker_lost", "shapes", None, jobs=1, last_ms=MIDNIGHT_MS + 1_000)
    assert await history.failures(MIDNIGHT_MS) == (nan, lost)
