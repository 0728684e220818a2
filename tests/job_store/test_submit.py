"""Submit: acceptance, idempotency, limits, queue position."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import Idempotency, JobStore, QueueLimits, QueuePosition, SubmitOutcome, commands
from tests.job_store.factories import (
    NO_LIMITS,
    SUCCEEDED,
    claim,
    claim_ref,
    get_job,
    jobs_ahead,
    new_job,
    submit,
    worker_record,
)
from tests.job_store.store_backends import StoreBackend


def test_an_accepted_job_is_queued_and_can_be_read(store: JobStore) -> None:
    answer = store.call(commands.submit(new_job("job_1", images=4, priority=3, deadline_ms=60_000), NO_LIMITS))
    record = answer.record
    assert answer.outcome is SubmitOutcome.ACCEPTED
    assert record == get_job(store, "job_1")
    assert (record.status, record.version, record.attempt, record.lost_leases) == (Status.QUEUED, 1, 0, 0)
    assert (record.images, record.priority, record.request_json) == (4, 3, '{"prompt": "a red circle"}')
    assert record.deadline_at_ms == record.created_ms + 60_000


def test_a_job_remembers_which_one_it_does_again(store: JobStore) -> None:
    assert submit(store, "job_1").retried_from is None
    assert submit(store, "job_2", retried_from="job_1").retried_from == "job_1"


def test_a_job_remembers_the_door_that_it_came_through(store: JobStore) -> None:
    assert submit(store, "job_1").door is None
    assert submit(store, "job_2", door="openai").door == "openai"


def test_a_repeat_with_the_same_id_answers_accepted_with_the_record_as_it_is_now(store: JobStore) -> None:
    submit(store, "job_1")
    claimed = claim(store)
    again = store.call(commands.submit(new_job("job_1"), QueueLimits(total=0, per_tenant=0)))
    assert again.outcome is SubmitOutcome.ACCEPTED
    assert again.record == claimed


def test_a_known_key_with_the_same_fingerprint_answers_the_earlier_job(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    submit(store, "job_1", idempotency=key)
    replay = store.call(commands.submit(new_job("job_2", idempotency=key), NO_LIMITS))
    assert replay.outcome is SubmitOutcome.REPLAYED
    assert replay.record is not None
    assert replay.record.id == "job_1"
    assert store.call(commands.get_job("ada", "job_2")) is None


def test_a_replay_answers_the_job_as_it_is_now_even_when_the_queue_is_full(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    submit(store, "job_1", idempotency=key)
    ended = store.call(commands.finish(claim_ref(claim(store)), SUCCEEDED)).record
    replay = store.call(commands.submit(new_job("job_2", idempotency=key), QueueLimits(total=0, per_tenant=0)))
    assert (replay.outcome, replay.record) == (SubmitOutcome.REPLAYED, ended)


def test_a_known_key_with_another_fingerprint_is_refused(store: JobStore) -> None:
    submit(store, "job_1", idempotency=Idempotency("key", "one"))
    answer = store.call(commands.submit(new_job("job_2", idempotency=Idempotency("key", "two")), NO_LIMITS))
    assert (answer.outcome, answer.record) == (SubmitOutcome.KEY_REUSED, None)


@pytest.mark.parametrize(("tenant", "key"), [("bob", "b:c"), ("ada:b", "c")])
def test_a_key_is_its_tenants_own(store: JobStore, tenant: str, key: str) -> None:
    submit(store, "job_1", "ada", idempotency=Idempotency("b:c", "one"))
    answer = store.call(commands.submit(new_job("job_2", tenant, idempotency=Idempotency(key, "two")), NO_LIMITS))
    assert answer.outcome is SubmitOutcome.ACCEPTED


def test_a_key_is_forgotten_after_a_day(backend: StoreBackend) -> None:
    key = Idempotency("key", "fingerprint")
    submit(backend.store, "job_1", idempotency=key)
    backend.advance(23 * 3_600_000)
    assert (
        backend.store.call(commands.submit(new_job("job_2", idempotency=key), NO_LIMITS)).outcome
        is SubmitOutcome.REPLAYED
    )
    backend.advance(3_600_001)
    assert (
        backend.store.call(commands.submit(new_job("job_3", idempotency=key), NO_LIMITS)).outcome
        is SubmitOutcome.ACCEPTED
    )


def test_the_bound_per_tenant_leaves_room_for_others(store: JobStore) -> None:
    bounds = QueueLimits(total=10, per_tenant=2)
    outcomes = [store.call(commands.submit(new_job(f"job_{n}", model=f"model-{n}"), bounds)).outcome for n in range(3)]
    assert outcomes == [SubmitOutcome.ACCEPTED, SubmitOutcome.ACCEPTED, SubmitOutcome.QUOTA_EXCEEDED]
    assert store.call(commands.submit(new_job("job_b", "bob"), bounds)).outcome is SubmitOutcome.ACCEPTED


def test_the_total_bound_counts_queued_jobs_of_all_tenants(store: JobStore) -> None:
    bounds = QueueLimits(total=2, per_tenant=2)
    submit(store, "job_1", "ada")
    submit(store, "job_2", "bob")
    refused = store.call(commands.submit(new_job("job_3", "cyd", idempotency=Idempotency("key", "f")), bounds))
    assert (refused.outcome, refused.record) == (SubmitOutcome.QUEUE_FULL, None)
    assert store.call(commands.get_job("cyd", "job_3")) is None
    claim(store)
    retried = store.call(commands.submit(new_job("job_4", "cyd", idempotency=Idempotency("key", "f")), bounds))
    assert retried.outcome is SubmitOutcome.ACCEPTED


def test_canceled_and_ended_jobs_leave_room(store: JobStore) -> None:
    bounds = QueueLimits(total=1, per_tenant=1)
    for number in range(3):
        assert store.call(commands.submit(new_job(f"job_{number}"), bounds)).outcome is SubmitOutcome.ACCEPTED
        store.call(commands.cancel("ada", f"job_{number}"))


def test_a_submission_returns_how_many_wakeups_wait_for_its_model(backend: StoreBackend) -> None:
    backend.add_wakeup("shapes")
    backend.add_wakeup("shapes")
    backend.add_wakeup("other")
    assert backend.store.call(commands.submit(new_job("job_1"), NO_LIMITS)).pending_wakeups == 2
    assert backend.store.call(commands.queues())[0].pending_wakeups == 2


def test_a_job_of_another_tenant_does_not_exist(store: JobStore) -> None:
    submit(store, "job_1", "ada")
    assert store.call(commands.get_job("bob", "job_1")) is None
    assert store.call(commands.cancel("bob", "job_1")) is None
    assert get_job(store, "job_1").status is Status.QUEUED


def test_the_place_counts_own_jobs_exactly(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    submit(store, "job_3", priority=5)
    assert [jobs_ahead(store, f"job_{n}") for n in (1, 2, 3)] == [1, 2, 0]


def test_the_place_counts_others_as_if_tenants_took_turns(store: JobStore) -> None:
    for number in range(5):
        submit(store, f"ada_{number}", "ada")
    for number in range(2):
        submit(store, f"bob_{number}", "bob")
    assert [jobs_ahead(store, f"ada_{n}", "ada") for n in range(5)] == [0, 2, 4, 5, 6]
    assert [jobs_ahead(store, f"bob_{n}", "bob") for n in range(2)] == [1, 3]


def test_the_place_counts_no_more_than_the_next_hundred_tenants(store: JobStore) -> None:
    for number in range(110):
        submit(store, f"job_{number}", f"tenant-{number:03}")
    submit(store, "job_z", "zoe")
    assert jobs_ahead(store, "job_z", "zoe") == 100


@pytest.mark.parametrize("tenant", ["ada", "bob"])
def test_the_answer_to_a_submission_has_the_queue_position(store: JobStore, tenant: str) -> None:
    for number in range(3):
        submit(store, f"ada_{number}", "ada")
    key = Idempotency("key", "fingerprint")
    ahead = 3 if tenant == "ada" else 1
    accepted = store.call(commands.submit(new_job("job_1", tenant, idempotency=key), NO_LIMITS))
    assert accepted.position == QueuePosition(ahead, has_worker=False, cost_ahead=ahead)
    store.call(commands.register(worker_record("w1", "shapes"), 30_000))
    replayed = store.call(commands.submit(new_job("job_2", tenant, idempotency=key), NO_LIMITS))
    assert (
        replayed.position
        == store.call(commands.get_job(tenant, "job_1"))[1]
        == QueuePosition(ahead, True, cost_ahead=ahead)
    )
    store.call(commands.cancel(tenant, "job_1"))
    assert store.call(commands.submit(new_job("job_1", tenant), NO_LIMITS)).position is None


def test_the_place_is_gone_once_the_job_runs(store: JobStore) -> None:
    submit(store, "job_1")
    claim(store)
    found = store.call(commands.get_job("ada", "job_1"))
    assert found is not None
    assert found[1] is None


def test_the_place_says_whether_a_worker_serves_the_model(store: JobStore) -> None:
    submit(store, "job_1")
    assert not store.call(commands.get_job("ada", "job_1"))[1].has_worker
    store.call(commands.register(worker_record("w1", "shapes"), 30_000))
    assert store.call(commands.get_job("ada", "job_1"))[1].has_worker


def test_the_trace_of_a_job_is_kept(store: JobStore) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    submit(store, "job_1", traceparent=traceparent)
    submit(store, "job_2")
    assert [get_job(store, f"job_{number}").traceparent for number in (1, 2)] == [traceparent, None]
    assert claim(store).traceparent == traceparent
