"""Outbox: each event is delivered once, by one sender at a time."""

from dataclasses import replace

import pytest

from renderq.contract import WEBHOOK_EVENT_TYPES, DeliveryStatus, Status, WebhookEventType
from renderq_shared.jobs import (
    ArchivedRemoval,
    ArchivedVersion,
    DeliveryClaim,
    DeliveryRecord,
    DeliveryResult,
    JobStore,
    JobUpdate,
    Outcome,
    Retention,
    commands,
    delivery_id,
)
from renderq_shared.jobs.memory.delivery_queues import PER_HOST, PER_TENANT
from tests.job_store.factories import LEASE_MS, SUCCEEDED, claim, claim_ref, get_job, submit
from tests.job_store.store_backends import StoreBackend


def due(store: JobStore, claim_id: str = "sender", limit: int = 100) -> tuple[DeliveryRecord, ...]:
    return store.call(commands.claim_deliveries(DeliveryClaim(claim_id, LEASE_MS, limit)))


def complete(
    store: JobStore, delivery: DeliveryRecord, status: DeliveryStatus = DeliveryStatus.DELIVERED, delay_ms: int = 0
) -> bool:
    assert delivery.claim_id
    return store.call(
        commands.complete_delivery(DeliveryResult(delivery.id, delivery.claim_id, status, '["log"]', delay_ms))
    )


def deliveries(store: JobStore, job_id: str = "job_1") -> dict[str, DeliveryRecord]:
    found = store.call(commands.deliveries("ada", job_id, 2))
    assert found is not None
    return {each.id: each for each in found}


def ended(store: JobStore, job_id: str = "job_1", events: tuple[str, ...] = WEBHOOK_EVENT_TYPES) -> None:
    submit(store, job_id, images=2, webhook_events=events)
    mine = claim_ref(claim(store, f"claim-{job_id}"))
    store.call(commands.progress(mine, JobUpdate(outputs_json="[1]", finished=(1,))))
    store.call(
        commands.finish(mine, Outcome(Status.SUCCEEDED, update=JobUpdate(outputs_json="[0, 1]", finished=(0, 1))))
    )


def test_every_event_is_filed_once_under_a_predictable_id(store: JobStore) -> None:
    ended(store)
    expected: list[tuple[WebhookEventType, int | None]] = [
        ("job.started", None),
        ("job.output", 0),
        ("job.output", 1),
        ("job.succeeded", None),
    ]
    assert list(deliveries(store)) == [delivery_id("job_1", event, index) for event, index in expected]
    assert [each.event for each in deliveries(store).values()] == [event for event, _ in expected]


def test_a_delivery_has_the_job_as_it_was_then(store: JobStore) -> None:
    ended(store)
    found = deliveries(store)
    assert found["msg_1_started"].record.status is Status.RUNNING
    assert (found["msg_1_output_1"].record.status, found["msg_1_output_1"].record.outputs_json) == ("running", "[1]")
    assert found["msg_1_succeeded"].record == get_job(store, "job_1")


def test_only_events_that_are_wanted_are_filed(store: JobStore) -> None:
    ended(store, events=("job.failed", "job.output"))
    assert list(deliveries(store)) == ["msg_1_output_0", "msg_1_output_1"]
    ended(store, "job_2", events=())
    assert deliveries(store, "job_2") == {}


@pytest.mark.parametrize("status", ["canceled", "expired", "failed"])
def test_every_end_is_an_event(backend: StoreBackend, status: str) -> None:
    submit(backend.store, "job_1", webhook_events=WEBHOOK_EVENT_TYPES, deadline_ms=1_000, max_attempts=1)
    backend.store.call(commands.sweep(LEASE_MS, 100))
    if status == "canceled":
        backend.store.call(commands.cancel("ada", "job_1"))
    else:
        if status == "failed":
            claim(backend.store)
        backend.advance(1_000)
        backend.store.call(commands.sweep(LEASE_MS, 100))
    assert get_job(backend.store, "job_1").status == status
    assert deliveries(backend.store)[f"msg_1_{status}"].event == f"job.{status}"


def test_a_job_that_starts_again_sends_no_second_event(store: JobStore) -> None:
    submit(store, "job_1", webhook_events=WEBHOOK_EVENT_TYPES)
    for number in range(2):
        mine = claim_ref(claim(store, f"claim-{number}"))
        store.call(commands.progress(mine, JobUpdate(outputs_json="[0]", finished=(0,))))
        store.call(commands.requeue(mine))
    assert list(deliveries(store)) == ["msg_1_started", "msg_1_output_0"]
    assert deliveries(store)["msg_1_started"].record.attempt == 1


def test_a_delivery_is_given_to_one_sender_until_its_lease_is_over(backend: StoreBackend) -> None:
    ended(backend.store, events=("job.succeeded",))
    assert [each.id for each in due(backend.store, "one")] == ["msg_1_succeeded"]
    assert due(backend.store, "two") == ()
    backend.advance(LEASE_MS + 1_000)
    assert [each.claim_id for each in due(backend.store, "two")] == ["two"]


def test_a_claim_takes_no_more_than_its_limit(store: JobStore) -> None:
    ended(store)
    first, rest = due(store, "one", limit=1), due(store, "two", limit=3)
    assert (len(first), len(rest)) == (1, 3)
    assert first[0].id not in {each.id for each in rest}


def test_a_sender_that_lost_its_lease_changes_nothing(backend: StoreBackend) -> None:
    ended(backend.store, events=("job.succeeded",))
    (late,) = due(backend.store, "one")
    backend.advance(LEASE_MS + 1_000)
    (mine,) = due(backend.store, "two")
    assert not complete(backend.store, late, DeliveryStatus.FAILED)
    assert complete(backend.store, mine)
    assert not complete(backend.store, late, DeliveryStatus.FAILED)
    assert deliveries(backend.store)["msg_1_succeeded"].status is DeliveryStatus.DELIVERED


def test_a_failed_attempt_is_due_again_after_its_delay(backend: StoreBackend) -> None:
    ended(backend.store, events=("job.succeeded",))
    (mine,) = due(backend.store, "one")
    assert complete(backend.store, mine, DeliveryStatus.PENDING, delay_ms=5_000_000)
    waiting = deliveries(backend.store)["msg_1_succeeded"]
    assert (waiting.attempt, waiting.log_json, waiting.claim_id) == (1, '["log"]', None)
    assert due(backend.store, "two") == ()
    backend.advance(5_000_000)
    assert [each.attempt for each in due(backend.store, "three")] == [1]


def test_a_disabled_webhook_gets_no_more_events(store: JobStore) -> None:
    submit(store, "job_1", images=2, webhook_events=WEBHOOK_EVENT_TYPES)
    mine = claim_ref(claim(store))
    store.call(commands.progress(mine, JobUpdate(outputs_json="[0]", finished=(0,))))
    first, _ = due(store)
    assert complete(store, first, DeliveryStatus.DISABLED)
    store.call(commands.finish(mine, SUCCEEDED))
    assert {each.id: each.status for each in deliveries(store).values()} == {
        "msg_1_started": DeliveryStatus.DISABLED,
        "msg_1_output_0": DeliveryStatus.DISABLED,
    }
    assert due(store, "later") == ()


@pytest.mark.parametrize("end", [DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.DISABLED])
def test_an_ended_delivery_can_be_sent_again(store: JobStore, end: DeliveryStatus) -> None:
    ended(store, events=("job.succeeded",))
    complete(store, due(store, "one")[0], end)
    assert due(store, "two") == ()
    again = store.call(commands.replay_delivery("ada", "msg_1_succeeded"))
    assert again is not None
    assert (again.status, again.attempt, again.log_json) == (DeliveryStatus.PENDING, 0, '["log"]')
    assert [each.id for each in due(store, "three")] == ["msg_1_succeeded"]


def test_what_is_just_being_sent_is_not_replayed(store: JobStore) -> None:
    ended(store, events=("job.succeeded",))
    due(store, "one")
    assert store.call(commands.replay_delivery("ada", "msg_1_succeeded")) == deliveries(store)["msg_1_succeeded"]
    assert due(store, "two") == ()


def test_strangers_see_and_replay_nothing(store: JobStore) -> None:
    ended(store)
    assert store.call(commands.deliveries("bob", "job_1", 2)) == ()
    assert store.call(commands.replay_delivery("bob", "msg_1_succeeded")) is None
    assert store.call(commands.deliveries("ada", "job_2", 2)) == ()
    assert store.call(commands.replay_delivery("ada", "msg_2_succeeded")) is None


def unarchived(store: JobStore) -> tuple[DeliveryRecord, ...]:
    """Archive the jobs, release what can be released, and return the deliveries to archive."""
    found: list[DeliveryRecord] = []
    for _ in range(2):
        result = store.call(commands.apply_retention(Retention(archived_ms=0), LEASE_MS, 100))
        store.call(commands.confirm_archived([ArchivedVersion(job.id, job.version) for job in result.unarchived]))
        found += result.deliveries
    return tuple(found)


def archive(store: JobStore) -> dict[str, DeliveryRecord]:
    archived = unarchived(store)
    store.call(commands.confirm_deliveries(archived))
    return {each.id: each for each in archived}


def test_deliveries_follow_their_job_when_all_have_ended(backend: StoreBackend) -> None:
    store = backend.store
    ended(store, events=("job.started", "job.succeeded"))
    first, second = due(store)
    complete(store, first)
    assert unarchived(store) == ()
    complete(store, second, DeliveryStatus.FAILED)
    backend.advance(60_000)
    before = deliveries(store)
    assert [each.id for each in unarchived(store)] == list(before)
    assert deliveries(store) == before, "until they are confirmed"
    assert unarchived(store) == ()
    backend.advance(LEASE_MS)
    assert list(archive(store)) == list(before)
    assert deliveries(store) == {}
    backend.advance(LEASE_MS)
    assert unarchived(store) == ()


def test_an_archived_delivery_is_sent_again_and_archived_again(backend: StoreBackend) -> None:
    store = backend.store
    ended(store, events=("job.succeeded",))
    complete(store, due(store, "one")[0])
    archived = archive(store)["msg_1_succeeded"]
    assert store.call(commands.replay_delivery("ada", archived.id)) is None
    assert store.call(commands.replay_delivery("bob", archived.id, archived)) is None
    again = store.call(commands.replay_delivery("ada", archived.id, archived))
    assert again == replace(archived, status=DeliveryStatus.PENDING, attempt=0, due_ms=again and again.due_ms)
    assert store.call(commands.replay_delivery("ada", archived.id, archived)) == deliveries(store)[archived.id]
    store.call(commands.confirm_deliveries([archived]))
    (mine,) = due(store, "two")
    assert (mine.host, mine.record) == (archived.host, archived.record)
    complete(store, mine)
    assert archive(store) == {archived.id: replace(archived, attempt=1)}
    assert deliveries(store) == {}


def test_what_is_sent_again_while_it_is_archived_stays(backend: StoreBackend) -> None:
    store = backend.store
    ended(store, events=("job.succeeded",))
    complete(store, due(store, "one")[0])
    archived = unarchived(store)
    store.call(commands.replay_delivery("ada", "msg_1_succeeded"))
    store.call(commands.confirm_deliveries(archived))
    assert deliveries(store)["msg_1_succeeded"].status is DeliveryStatus.PENDING
    (mine,) = due(store, "two")
    store.call(commands.complete_delivery(DeliveryResult(mine.id, "two", DeliveryStatus.DELIVERED, '["log", "log"]')))
    store.call(commands.confirm_deliveries(archived))
    assert [each.log_json for each in archive(store).values()] == ['["log", "log"]']


@pytest.mark.parametrize("end", ["deletion", "purge"])
def test_an_archived_delivery_of_a_job_that_is_gone_is_not_sent_again(store: JobStore, end: str) -> None:
    ended(store, events=("job.succeeded",))
    complete(store, due(store, "one")[0])
    archived = archive(store)["msg_1_succeeded"]
    if end == "deletion":
        store.call(commands.delete("ada", "job_1", was_archived=True))
    else:
        store.call(commands.start_purge("ada"))
    assert store.call(commands.replay_delivery("ada", archived.id, archived)) is None
    assert due(store, "two") == ()


def test_deleted_jobs_leave_no_delivery_to_archive(backend: StoreBackend) -> None:
    store = backend.store
    ended(store, events=("job.succeeded",))
    complete(store, due(store, "one")[0])
    assert unarchived(store)
    store.call(commands.remove_archived([ArchivedRemoval("ada", "job_1", 2, is_deleted=True)]))
    backend.advance(LEASE_MS)
    assert (unarchived(store), deliveries(store)) == ((), {})


def test_a_forgotten_job_has_no_deliveries(store: JobStore) -> None:
    ended(store)
    store.call(commands.delete("ada", "job_1"))
    assert due(store) == ()
    assert store.call(commands.replay_delivery("ada", "msg_1_succeeded")) is None


def enqueue_one(store: JobStore, name: str, host: str, tenant: str = "ada") -> None:
    """Add one event, of a job that is canceled at once."""
    submit(store, f"job_{name}", tenant, webhook_events=("job.canceled",), webhook_host=host)
    store.call(commands.cancel(tenant, f"job_{name}"))


def enqueue_many(store: JobStore, name: str, count: int, host: str, tenant: str = "ada") -> None:
    for number in range(count):
        enqueue_one(store, f"{name}{number:03}", host, tenant)


def receivers(found: tuple[DeliveryRecord, ...]) -> list[str]:
    """Return the first letter of each job's name."""
    return [each.job_id.removeprefix("job_")[0] for each in found]


def test_a_host_that_does_not_answer_holds_up_no_other_host(store: JobStore) -> None:
    enqueue_many(store, "slow", PER_HOST + 1, "slow.test")
    enqueue_one(store, "fast", "fast.test")
    claimed = due(store, "one")
    assert sorted(receivers(claimed)) == ["f"] + ["s"] * PER_HOST
    assert due(store, "two") == ()
    assert complete(store, next(each for each in claimed if receivers((each,)) == ["s"]))
    assert receivers(due(store, "three")) == ["s"]


def test_a_tenant_with_many_hosts_that_do_not_answer_holds_up_no_other_tenant(store: JobStore) -> None:
    for number in range(PER_TENANT // PER_HOST + 1):
        enqueue_many(store, f"slow-{number}-", PER_HOST, f"{number}.slow.test")
    enqueue_one(store, "fast", "0.slow.test", "bob")
    assert sorted(receivers(due(store, "one"))) == ["f"] + ["s"] * PER_TENANT
    assert due(store, "two") == ()


def test_places_are_free_again_when_leases_end_jobs_are_forgotten_or_receivers_say_gone(backend: StoreBackend) -> None:
    store = backend.store
    enqueue_many(store, "slow", 2 * PER_HOST, "slow.test")
    assert len(due(store, "one")) == PER_HOST
    backend.advance(LEASE_MS)
    claimed = due(store, "two")
    assert len(claimed) == PER_HOST
    store.call(commands.delete("ada", claimed[0].job_id))
    assert len(due(store, "three")) == 1
    complete(store, claimed[1], DeliveryStatus.DISABLED)
    assert len(due(store, "four")) == 1


def test_a_job_whose_receiver_is_gone_keeps_no_place(store: JobStore) -> None:
    ended(store)  # four events
    enqueue_many(store, "slow", PER_HOST, "")
    first, *_ = due(store, "one")
    assert complete(store, first, DeliveryStatus.DISABLED)
    assert sorted(receivers(due(store, "two"))) == ["s"] * 4


def test_tenants_and_hosts_take_turns(backend: StoreBackend) -> None:
    """With one delivery at a time, a long queue gets every second turn."""
    for name, host, tenant, count in (("a", "a.test", "ada", 3), ("b", "b.test", "ada", 2), ("c", "c.test", "bob", 2)):
        enqueue_many(backend.store, name, count, host, tenant)
        backend.advance(10)
    order: list[str] = []
    for number in range(7):
        order += receivers(due(backend.store, f"sender-{number}", limit=1))
        backend.advance(10)
    assert order == ["a", "c", "b", "c", "a", "b", "a"]


def test_what_waits_for_its_next_attempt_holds_up_nothing_that_is_due(backend: StoreBackend) -> None:
    enqueue_one(backend.store, "early", "a.test")
    assert complete(backend.store, due(backend.store, "one")[0], DeliveryStatus.PENDING, delay_ms=5_000_000)
    enqueue_one(backend.store, "late", "a.test")
    (late,) = due(backend.store, "two")
    assert receivers((late,)) == ["l"]
    assert complete(backend.store, late)
    backend.advance(5_000_000)
    assert receivers(due(backend.store, "three")) == ["e"]
