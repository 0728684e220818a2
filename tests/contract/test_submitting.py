"""What becomes of a submission."""

import pytest

from renderq.contract import Status
from renderq_shared.jobs import Bounds, Idempotency, JobStore, QueuePlace, Submission
from tests.contract.building import SUCCEEDED, WIDE, ahead, claim, held, new_job, read, submit, worker
from tests.contract.worlds import World


def test_an_accepted_job_is_queued_and_can_be_read(store: JobStore) -> None:
    answer = store.submit(new_job("job_1", images=4, priority=3, deadline_ms=60_000), WIDE)
    record = answer.record
    assert answer.outcome is Submission.ACCEPTED
    assert record == read(store, "job_1")
    assert (record.status, record.version, record.attempt, record.losses) == (Status.QUEUED, 1, 0, 0)
    assert (record.images, record.priority, record.request_json) == (4, 3, '{"prompt": "a red circle"}')
    assert record.deadline_at_ms == record.created_ms + 60_000


def test_a_job_remembers_which_one_it_does_again(store: JobStore) -> None:
    assert submit(store, "job_1").retried_from is None
    assert submit(store, "job_2", retried_from="job_1").retried_from == "job_1"


def test_a_repeat_with_the_same_id_answers_accepted_with_the_record_as_it_is_now(store: JobStore) -> None:
    submit(store, "job_1")
    taken = claim(store)
    again = store.submit(new_job("job_1"), Bounds(total=0, per_tenant=0))
    assert again.outcome is Submission.ACCEPTED
    assert again.record == taken


def test_a_known_key_with_the_same_fingerprint_answers_the_earlier_job(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    submit(store, "job_1", idempotency=key)
    replay = store.submit(new_job("job_2", idempotency=key), WIDE)
    assert replay.outcome is Submission.REPLAYED
    assert replay.record is not None
    assert replay.record.id == "job_1"
    assert store.get("ada", "job_2") is None


def test_a_replay_answers_the_job_as_it_is_now_even_when_the_queue_is_full(store: JobStore) -> None:
    key = Idempotency("key", "fingerprint")
    submit(store, "job_1", idempotency=key)
    ended = store.finish(held(claim(store)), SUCCEEDED).record
    replay = store.submit(new_job("job_2", idempotency=key), Bounds(total=0, per_tenant=0))
    assert (replay.outcome, replay.record) == (Submission.REPLAYED, ended)


def test_a_known_key_with_another_fingerprint_is_refused(store: JobStore) -> None:
    submit(store, "job_1", idempotency=Idempotency("key", "one"))
    answer = store.submit(new_job("job_2", idempotency=Idempotency("key", "two")), WIDE)
    assert (answer.outcome, answer.record) == (Submission.KEY_REUSED, None)


@pytest.mark.parametrize(("tenant", "key"), [("bob", "b:c"), ("ada:b", "c")])
def test_a_key_is_its_tenants_own(store: JobStore, tenant: str, key: str) -> None:
    submit(store, "job_1", "ada", idempotency=Idempotency("b:c", "one"))
    answer = store.submit(new_job("job_2", tenant, idempotency=Idempotency(key, "two")), WIDE)
    assert answer.outcome is Submission.ACCEPTED


def test_a_key_is_forgotten_after_a_day(world: World) -> None:
    key = Idempotency("key", "fingerprint")
    submit(world.store, "job_1", idempotency=key)
    world.later(23 * 3_600_000)
    assert world.store.submit(new_job("job_2", idempotency=key), WIDE).outcome is Submission.REPLAYED
    world.later(3_600_001)
    assert world.store.submit(new_job("job_3", idempotency=key), WIDE).outcome is Submission.ACCEPTED


def test_the_bound_per_tenant_leaves_room_for_others(store: JobStore) -> None:
    bounds = Bounds(total=10, per_tenant=2)
    outcomes = [store.submit(new_job(f"job_{n}", model=f"model-{n}"), bounds).outcome for n in range(3)]
    assert outcomes == [Submission.ACCEPTED, Submission.ACCEPTED, Submission.QUOTA_EXCEEDED]
    assert store.submit(new_job("job_b", "bob"), bounds).outcome is Submission.ACCEPTED


def test_the_total_bound_counts_queued_jobs_of_all_tenants(store: JobStore) -> None:
    bounds = Bounds(total=2, per_tenant=2)
    submit(store, "job_1", "ada")
    submit(store, "job_2", "bob")
    refused = store.submit(new_job("job_3", "cyd", idempotency=Idempotency("key", "f")), bounds)
    assert (refused.outcome, refused.record) == (Submission.QUEUE_FULL, None)
    assert store.get("cyd", "job_3") is None
    claim(store)
    retried = store.submit(new_job("job_4", "cyd", idempotency=Idempotency("key", "f")), bounds)
    assert retried.outcome is Submission.ACCEPTED


def test_canceled_and_ended_jobs_leave_room(store: JobStore) -> None:
    bounds = Bounds(total=1, per_tenant=1)
    for number in range(3):
        assert store.submit(new_job(f"job_{number}"), bounds).outcome is Submission.ACCEPTED
        store.cancel("ada", f"job_{number}")


def test_a_submission_tells_how_many_wakeups_wait_for_its_model(world: World) -> None:
    world.wake("shapes")
    world.wake("shapes")
    world.wake("other")
    assert world.store.submit(new_job("job_1"), WIDE).wake_length == 2
    assert world.store.queues()[0].wake_length == 2


def test_a_job_of_another_tenant_does_not_exist(store: JobStore) -> None:
    submit(store, "job_1", "ada")
    assert store.get("bob", "job_1") is None
    assert store.cancel("bob", "job_1") is None
    assert read(store, "job_1").status is Status.QUEUED


def test_the_place_counts_own_jobs_exactly(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    submit(store, "job_3", priority=5)
    assert [ahead(store, f"job_{n}") for n in (1, 2, 3)] == [1, 2, 0]


def test_the_place_counts_others_as_if_tenants_took_turns(store: JobStore) -> None:
    for number in range(5):
        submit(store, f"ada_{number}", "ada")
    for number in range(2):
        submit(store, f"bob_{number}", "bob")
    assert [ahead(store, f"ada_{n}", "ada") for n in range(5)] == [0, 2, 4, 5, 6]
    assert [ahead(store, f"bob_{n}", "bob") for n in range(2)] == [1, 3]


def test_the_place_counts_no_more_than_the_next_hundred_tenants(store: JobStore) -> None:
    for number in range(110):
        submit(store, f"job_{number}", f"tenant-{number:03}")
    submit(store, "job_z", "zoe")
    assert ahead(store, "job_z", "zoe") == 100


@pytest.mark.parametrize("tenant", ["ada", "bob"])
def test_the_answer_to_a_submission_tells_the_place(store: JobStore, tenant: str) -> None:
    for number in range(3):
        submit(store, f"ada_{number}", "ada")
    key = Idempotency("key", "fingerprint")
    ahead = 3 if tenant == "ada" else 1
    accepted = store.submit(new_job("job_1", tenant, idempotency=key), WIDE)
    assert accepted.place == QueuePlace(ahead, served=False, cost_before=ahead)
    store.register(worker("w1", "shapes"), 30_000)
    replayed = store.submit(new_job("job_2", tenant, idempotency=key), WIDE)
    assert replayed.place == store.get(tenant, "job_1")[1] == QueuePlace(ahead, True, cost_before=ahead)
    store.cancel(tenant, "job_1")
    assert store.submit(new_job("job_1", tenant), WIDE).place is None


def test_the_place_is_gone_once_the_job_runs(store: JobStore) -> None:
    submit(store, "job_1")
    claim(store)
    found = store.get("ada", "job_1")
    assert found is not None
    assert found[1] is None


def test_the_place_says_whether_a_worker_serves_the_model(store: JobStore) -> None:
    submit(store, "job_1")
    assert not store.get("ada", "job_1")[1].served
    store.register(worker("w1", "shapes"), 30_000)
    assert store.get("ada", "job_1")[1].served
