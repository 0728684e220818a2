"""Archiving: each ended job is handed out until its version is confirmed, and released some time after its end."""

import pytest

from renderq.contract import DeliveryStatus, Status
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    ArchiveState,
    DeliveryClaim,
    DeliveryResult,
    Idempotency,
    JobFilter,
    JobRecord,
    JobStore,
    JobUpdate,
    Outcome,
    Retention,
    SubmitOutcome,
    commands,
)
from tests.job_store.factories import LEASE_MS, NO_LIMITS, claim, claim_ref, get_job, new_job, submit
from tests.job_store.store_backends import StoreBackend

NEVER = Retention(None)
AT_ONCE = Retention(0)
HOUR_MS = 3_600_000


def unarchived(store: JobStore, limit: int = 100) -> tuple[JobRecord, ...]:
    return store.call(commands.apply_retention(NEVER, LEASE_MS, limit)).unarchived


def released(store: JobStore, retention: Retention = AT_ONCE) -> tuple[str, ...]:
    return store.call(commands.apply_retention(retention, LEASE_MS, 100)).released


def confirm(store: JobStore, job: JobRecord) -> None:
    store.call(commands.confirm_archived([ArchivedVersion(job.id, job.version)]))


def succeeded(store: JobStore, job_id: str = "job_1", **fields: object) -> JobRecord:
    submit(store, job_id, **fields)
    texts = dict.fromkeys(("grid_json", "metrics_json", "runtime_json", "progress_json"), "{}")
    update = JobUpdate(outputs_json="[1]", warnings_json="[]", **texts)
    store.call(commands.finish(claim_ref(claim(store, f"claim-{job_id}")), Outcome(Status.SUCCEEDED, update=update)))
    return get_job(store, job_id)


def test_an_ended_job_is_handed_out_as_it_is_until_it_is_confirmed(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    assert unarchived(store) == (job,)
    assert unarchived(store) == ()
    reliable_backend.advance(LEASE_MS)
    assert [each.id for each in unarchived(store)] == ["job_1"]
    confirm(store, job)
    reliable_backend.advance(LEASE_MS)
    assert unarchived(store) == ()


def test_every_end_is_handed_out_and_nothing_else(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    for job_id in ("job_1", "job_2", "job_3"):
        submit(store, job_id)
    store.call(commands.cancel("ada", "job_1"))
    store.call(commands.finish(claim_ref(claim(store)), Outcome(Status.FAILED, error_json="{}")))
    assert {job.id for job in unarchived(store)} == {"job_1", "job_2"}


def test_one_call_hands_out_no_more_than_it_is_asked_to(reliable_backend: StoreBackend) -> None:
    for number in range(3):
        succeeded(reliable_backend.store, f"job_{number}")
        reliable_backend.advance(1_000)
    first = reliable_backend.store.call(commands.apply_retention(NEVER, LEASE_MS, 2))
    assert ([job.id for job in first.unarchived], first.more) == (["job_0", "job_1"], True)
    assert [job.id for job in unarchived(reliable_backend.store, limit=2)] == ["job_2"]


def test_what_waits_for_the_history_is_counted_with_its_age(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    assert store.call(commands.archive_state()) == ArchiveState(0, None, ())
    old = succeeded(store)
    reliable_backend.advance(60_000)
    succeeded(store, "job_2")
    state = store.call(commands.archive_state())
    assert (state.unarchived, state.oldest_age_ms >= 60_000) == (2, True)
    confirm(store, old)
    state = store.call(commands.archive_state())
    assert (state.unarchived, state.oldest_age_ms < 60_000) == (1, True)


def test_a_deleted_job_is_not_archived(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    store.call(commands.delete("ada", "job_1"))
    assert unarchived(store) == ()
    confirm(store, job)
    assert released(store) == ()


def test_only_a_confirmed_job_is_released_and_only_after_its_time(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    reliable_backend.advance(10 * HOUR_MS)
    assert released(store) == ()
    confirm(store, job)
    assert released(store, Retention(11 * HOUR_MS)) == ()
    assert released(store, NEVER) == ()
    assert released(store, Retention(10 * HOUR_MS)) == ("job_1",)
    assert store.call(commands.get_job("ada", "job_1")) is None
    assert store.call(commands.page("ada", JobFilter(), 10, 100)).records == ()
    assert store.call(commands.delete("ada", "job_1")) == "unknown"


def test_a_job_that_changed_since_is_handed_out_again(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    assert unarchived(store) == (job,)
    changed = store.call(commands.annotate("ada", "job_1", kept=True, labels_json=None))
    confirm(store, job)
    assert released(store) == ()
    assert unarchived(store) == ()  # the change has handed it out to this test's first call
    reliable_backend.advance(LEASE_MS)
    (again,) = unarchived(store)
    assert (again.kept, again.version) == (True, changed.version)
    confirm(store, again)
    assert released(store) == ("job_1",)


def test_a_change_of_a_confirmed_job_is_archived_before_it_is_released(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    confirm(store, succeeded(store))
    store.call(commands.annotate("ada", "job_1", kept=None, labels_json='["a"]'))
    assert released(store) == ()
    reliable_backend.advance(LEASE_MS)
    (job,) = unarchived(store)
    assert job.labels_json == '["a"]'


def test_a_job_with_a_pending_delivery_is_not_released(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    confirm(store, succeeded(store, webhook_events=("job.succeeded",), webhook_host="a.test"))
    assert released(store) == ()
    (delivery,) = store.call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10)))
    store.call(commands.complete_delivery(DeliveryResult(delivery.id, "sender", DeliveryStatus.DELIVERED, "[]")))
    reliable_backend.advance(60_000)
    assert released(store) == ("job_1",)
    (left,) = store.call(commands.deliveries("ada", "job_1", 1))
    assert (left.status, left.record.id) == (DeliveryStatus.DELIVERED, "job_1")


def test_a_delivery_of_a_released_job_can_be_replayed_and_disabled(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    confirm(store, succeeded(store, webhook_events=("job.succeeded",), webhook_host="a.test"))
    (delivery,) = store.call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10)))
    store.call(commands.complete_delivery(DeliveryResult(delivery.id, "sender", DeliveryStatus.DELIVERED, "[]")))
    assert released(store) == ("job_1",)
    assert store.call(commands.replay_delivery("ada", delivery.id)) is not None
    (again,) = store.call(commands.claim_deliveries(DeliveryClaim("next", LEASE_MS, 10)))
    assert store.call(commands.complete_delivery(DeliveryResult(again.id, "next", DeliveryStatus.DISABLED, "[]")))
    (left,) = store.call(commands.deliveries("ada", "job_1", 1))
    assert left.status is DeliveryStatus.DISABLED


def test_the_replay_of_a_released_job_returns_its_id(reliable_backend: StoreBackend) -> None:
    store, key = reliable_backend.store, Idempotency("key", "fingerprint")
    confirm(store, succeeded(store, idempotency=key))
    assert released(store) == ("job_1",)
    replay = store.call(commands.submit(new_job("job_2", idempotency=key), NO_LIMITS))
    assert (replay.outcome, replay.record, replay.job_id) == (SubmitOutcome.REPLAYED, None, "job_1")
    looked_up = store.call(commands.replay_submission("ada", key))
    assert (looked_up.outcome, looked_up.record, looked_up.job_id) == (SubmitOutcome.REPLAYED, None, "job_1")


def test_images_that_the_history_expired_are_dropped_from_the_record(reliable_backend: StoreBackend) -> None:
    store = reliable_backend.store
    job = succeeded(store)
    confirm(store, job)
    for _ in range(2):
        store.call(commands.remove_archived([ArchivedRemoval("ada", "job_1", 1, is_deleted=False)]))
    after = get_job(store, "job_1")
    assert (after.outputs_json, after.grid_json, after.outputs_expired) == (None, None, True)
    assert after.version == job.version + 1
    result = store.call(commands.apply_retention(NEVER, LEASE_MS, 100))
    assert (result.removals, result.unarchived) == (("jobs/job_1/",), (after,))


def test_a_job_that_the_history_deleted_is_gone_with_its_deliveries(store: JobStore) -> None:
    succeeded(store, webhook_events=("job.succeeded",), webhook_host="a.test")
    store.call(commands.remove_archived([ArchivedRemoval("ada", "job_1", 1, is_deleted=True)]))
    assert store.call(commands.get_job("ada", "job_1")) is None
    assert store.call(commands.deliveries("ada", "job_1", 1)) == ()
    assert store.call(commands.claim_deliveries(DeliveryClaim("sender", LEASE_MS, 10))) == ()


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.SUCCEEDED])
def test_a_job_is_annotated_in_any_status(backend: StoreBackend, status: Status) -> None:
    store = backend.store
    before = succeeded(store) if status is Status.SUCCEEDED else submit(store, "job_1")
    if status is Status.RUNNING:
        before = claim(store)
    assert before.status is status
    changed = store.call(commands.annotate("ada", "job_1", kept=True, labels_json='["a"]'))
    assert (changed.kept, changed.labels_json, changed.version) == (True, '["a"]', before.version + 1)
    assert get_job(store, "job_1") == changed
    assert store.call(commands.annotate("ada", "job_1", kept=None, labels_json="[]")).labels_json is None
    assert store.call(commands.annotate("ada", "job_1", kept=False, labels_json=None)).kept is False


def test_an_annotation_that_changes_nothing_is_no_change(store: JobStore) -> None:
    job = submit(store, "job_1")
    for kept, labels_json in ((None, None), (False, "[]"), (None, "[]")):
        assert store.call(commands.annotate("ada", "job_1", kept, labels_json)) == job
    assert store.call(commands.annotate("bob", "job_1", kept=True, labels_json=None)) is None
    assert store.call(commands.annotate("ada", "job_2", kept=True, labels_json=None)) is None
