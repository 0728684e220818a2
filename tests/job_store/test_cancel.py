"""Cancel: queued jobs end at once, running ones when their worker stops."""

from renderq.contract import Status
from renderq_shared.jobs import JobStore, QueueLimits, SubmitOutcome, commands
from tests.job_store.factories import SUCCEEDED, claim, claim_ref, get_job, new_job, submit


def test_a_queued_job_is_canceled_at_once_and_leaves_the_queue(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    canceled = store.call(commands.cancel("ada", "job_1"))
    assert canceled == get_job(store, "job_1")
    assert (canceled.status, canceled.version) == (Status.CANCELED, 2)
    assert canceled.completed_ms is not None
    assert [queue.queued for queue in store.call(commands.queues())] == [1]
    assert claim(store).id == "job_2"


def test_a_running_job_is_canceling_until_its_worker_lets_go(store: JobStore) -> None:
    submit(store, "job_1")
    claimed = claim(store)
    canceling = store.call(commands.cancel("ada", "job_1"))
    assert (canceling.status, canceling.version) == (Status.CANCELING, claimed.version + 1)
    assert store.call(commands.finish(claim_ref(claimed), SUCCEEDED)).record.status is Status.CANCELED


def test_a_repeated_cancel_answers_the_same(store: JobStore) -> None:
    submit(store, "job_1")
    submit(store, "job_2")
    claim(store)
    assert store.call(commands.cancel("ada", "job_1")) == store.call(commands.cancel("ada", "job_1"))
    assert store.call(commands.cancel("ada", "job_2")) == store.call(commands.cancel("ada", "job_2"))


def test_a_job_that_has_ended_stays_as_it_is(store: JobStore) -> None:
    submit(store, "job_1")
    ended = store.call(commands.finish(claim_ref(claim(store)), SUCCEEDED)).record
    assert store.call(commands.cancel("ada", "job_1")) == ended


def test_what_never_existed_cannot_be_canceled(store: JobStore) -> None:
    assert store.call(commands.cancel("ada", "job_1")) is None


def test_the_last_canceled_job_of_a_tenant_leaves_no_ghost_in_the_queue(store: JobStore) -> None:
    submit(store, "ada_1", "ada")
    store.call(commands.cancel("ada", "ada_1"))
    assert store.call(commands.queues()) == ()
    assert (
        store.call(commands.submit(new_job("ada_2", "ada"), QueueLimits(total=1, per_tenant=1))).outcome
        is SubmitOutcome.ACCEPTED
    )
    assert claim(store).id == "ada_2"
