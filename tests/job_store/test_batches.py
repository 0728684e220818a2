"""Batches: all of their jobs are accepted, or none."""

from dataclasses import replace

import pytest

from renderq.contract import Status
from renderq_shared.jobs import (
    ArchivedVersion,
    BatchQueue,
    BatchResult,
    Idempotency,
    JobFilter,
    JobStore,
    LiveBatch,
    MoveTarget,
    QueueLimits,
    Retention,
    SubmitOutcome,
    commands,
)
from tests.job_store.factories import (
    LEASE_MS,
    NO_LIMITS,
    SUCCEEDED,
    claim,
    claim_ref,
    claimed_job_ids,
    get_job,
    new_batch,
    new_job,
    submit,
)
from tests.job_store.store_backends import StoreBackend

KEY = Idempotency("key", "fingerprint")


def submit_batch(store: JobStore, batch_id: str, jobs: int, tenant: str = "ada", **fields: object) -> BatchResult:
    return store.call(commands.submit_batch(new_batch(batch_id, jobs, tenant, **fields), NO_LIMITS))


def get_batch(store: JobStore, batch_id: str = "batch_a", tenant: str = "ada") -> LiveBatch:
    found = store.call(commands.get_batch(tenant, batch_id))
    assert found is not None
    return found


def test_the_jobs_of_a_batch_are_queued_in_its_order_and_know_it(store: JobStore) -> None:
    submit(store, "job_before")
    result = submit_batch(store, "batch_a", 3, priority=0)
    assert result == BatchResult(SubmitOutcome.ACCEPTED, "batch_a", (BatchQueue("shapes", 0, paused=False),))
    batch = get_batch(store)
    assert batch.statuses == dict.fromkeys(["job_a0", "job_a1", "job_a2"], Status.QUEUED)
    assert batch.first == get_job(store, "job_a0")
    assert (batch.first.batch_id, batch.first.batch_json) == ("batch_a", '{"index":0}')
    ((last, position),) = batch.last_queued
    assert (last.id, position.jobs_ahead) == ("job_a2", 3)
    assert claimed_job_ids(store, 4) == ["job_before", "job_a0", "job_a1", "job_a2"]


def test_a_batch_shows_its_statuses_running_jobs_and_the_last_queued_of_each_model(store: JobStore) -> None:
    batch = new_batch("batch_a", 4)
    jobs = (*batch.jobs, new_job("job_other", model="other", batch_id="batch_a", batch_json="{}"))
    result = store.call(commands.submit_batch(type(batch)("batch_a", "ada", jobs), NO_LIMITS))
    assert [queue.model for queue in result.queues] == ["other", "shapes"]
    store.call(commands.finish(claim_ref(claim(store, "first")), SUCCEEDED))
    running = claim(store, "second")
    found = get_batch(store)
    assert list(found.statuses.items()) == [
        ("job_a0", Status.SUCCEEDED),
        ("job_a1", Status.RUNNING),
        ("job_a2", Status.QUEUED),
        ("job_a3", Status.QUEUED),
        ("job_other", Status.QUEUED),
    ]
    assert found.running == (running,)
    assert [job.id for job, _ in found.last_queued] == ["job_other", "job_a3"]
    assert store.call(commands.get_batch("bob", "batch_a")) is None


def test_the_last_job_of_a_batch_in_the_queue_is_that_of_the_lowest_priority_unless_one_is_moved(
    store: JobStore,
) -> None:
    batch = new_batch("batch_a", 4)
    jobs = tuple(replace(job, priority=priority) for job, priority in zip(batch.jobs, (0, -5, 3, -5), strict=True))
    store.call(commands.submit_batch(replace(batch, jobs=jobs), NO_LIMITS))
    submit(store, "job_later", priority=-10)

    def last_queued() -> list[tuple[str, int]]:
        return [(job.id, position.jobs_ahead) for job, position in get_batch(store).last_queued]

    assert last_queued() == [("job_a3", 3)]
    store.call(commands.cancel("ada", "job_a3"))
    assert last_queued() == [("job_a1", 2)]
    store.call(commands.move("ada", "job_a2", MoveTarget.BACK))
    assert last_queued() == [("job_a2", 3)], "job_later is ahead"


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (QueueLimits(total=100, per_tenant=4), SubmitOutcome.QUOTA_EXCEEDED),
        (QueueLimits(total=4, per_tenant=100), SubmitOutcome.QUEUE_FULL),
    ],
)
def test_a_limit_that_one_job_would_exceed_refuses_all(
    store: JobStore, limits: QueueLimits, outcome: SubmitOutcome
) -> None:
    submit(store, "job_before")
    refused = store.call(commands.submit_batch(new_batch("batch_a", 4, idempotency=KEY), limits))
    assert refused == BatchResult(outcome)
    assert store.call(commands.get_batch("ada", "batch_a")) is None
    assert [job.id for job in store.call(commands.queued_jobs("ada", 9))] == ["job_before"]
    smaller = store.call(commands.submit_batch(new_batch("batch_b", 3, idempotency=KEY), limits))
    assert smaller.outcome is SubmitOutcome.ACCEPTED, "the refused batch has not used the key"


def test_a_missing_asset_refuses_all_and_names_the_job(store: JobStore) -> None:
    batch = new_batch("batch_a", 2)
    jobs = (*batch.jobs, new_job("job_x", assets=("asset_a",), batch_id="batch_a", batch_json="{}"))
    refused = store.call(commands.submit_batch(type(batch)("batch_a", "ada", jobs), NO_LIMITS))
    assert refused == BatchResult(SubmitOutcome.ASSET_NOT_FOUND, missing_asset_of=2)
    assert store.call(commands.queued_jobs("ada", 9)) == ()


def test_an_idempotency_key_refers_to_the_batch(store: JobStore) -> None:
    submit_batch(store, "batch_a", 2, idempotency=KEY)
    replayed = submit_batch(store, "batch_b", 2, idempotency=KEY)
    assert replayed == BatchResult(SubmitOutcome.REPLAYED, "batch_a")
    reused = submit_batch(store, "batch_b", 2, idempotency=Idempotency("key", "other"))
    assert reused == BatchResult(SubmitOutcome.KEY_REUSED)
    earlier = store.call(commands.replay_submission("ada", KEY))
    assert earlier is not None
    assert (earlier.outcome, earlier.job_id) == (SubmitOutcome.REPLAYED, "batch_a")
    assert store.call(commands.batches("ada", 9)) == ("batch_a",)


def test_a_paused_tenant_and_a_purged_one(store: JobStore) -> None:
    store.call(commands.pause_tenant("ada", True))
    assert submit_batch(store, "batch_a", 1).queues == (BatchQueue("shapes", 0, paused=True),)
    store.call(commands.start_purge("bob"))
    assert submit_batch(store, "batch_b", 1, "bob").outcome is SubmitOutcome.PURGE_IN_PROGRESS


def test_batches_are_listed_by_tenant_and_in_pages(store: JobStore) -> None:
    for letter in "abc":
        submit_batch(store, f"batch_{letter}", 1)
    submit_batch(store, "batch_d", 1, "bob")
    assert store.call(commands.batches("ada", 2)) == ("batch_c", "batch_b")
    assert store.call(commands.batches("ada", 2, "batch_b")) == ("batch_a",)
    assert store.call(commands.batches("eve", 2)) == ()


def test_jobs_are_filtered_by_batch(backend: StoreBackend) -> None:
    store = backend.store
    submit_batch(store, "batch_a", 3)
    backend.advance(10)
    submit_batch(store, "batch_b", 1)
    claim(store)
    in_a = JobFilter(batch_id="batch_a")
    first = store.call(commands.page("ada", in_a, 2, 100))
    assert [job.id for job in first.records] == ["job_a2", "job_a1"]
    rest = store.call(commands.page("ada", in_a, 2, 100, first.last))
    assert ([job.id for job in rest.records], rest.last) == (["job_a0"], None)
    running = store.call(commands.page("ada", JobFilter(status=Status.RUNNING, batch_id="batch_a"), 9, 3))
    assert ([job.id for job in running.records], running.last) == (["job_a0"], None), "only the batch is scanned"
    assert store.call(commands.page("ada", JobFilter(batch_id="batch_x"), 9, 9)).records == ()
    assert store.call(commands.page("bob", in_a, 9, 9)).records == ()
    earlier = JobFilter(batch_id="batch_b", created_before_ms=first.records[0].created_ms + 1)
    assert store.call(commands.page("ada", earlier, 9, 9)).records == ()


def test_a_batch_is_here_while_one_of_its_jobs_is(store: JobStore) -> None:
    submit_batch(store, "batch_a", 3)
    for job_id in ("job_a0", "job_a1", "job_a2"):
        store.call(commands.cancel("ada", job_id))
    store.call(commands.delete("ada", "job_a1"))
    assert list(get_batch(store).statuses) == ["job_a0", "job_a2"]
    store.call(commands.confirm_archived([ArchivedVersion("job_a0", 9)]))
    store.call(commands.apply_retention(Retention(archived_ms=0), LEASE_MS, 100))
    assert list(get_batch(store).statuses) == ["job_a2"]
    store.call(commands.delete("ada", "job_a2"))
    assert store.call(commands.get_batch("ada", "batch_a")) is None
    assert store.call(commands.batches("ada", 9)) == ()
