"""Moves of queued jobs among those of their tenant and model."""

import pytest

from renderq_shared.jobs import JobStore, MoveOutcome, MoveResult, MoveTarget, commands
from tests.job_store.factories import claim, claim_ref, claimed_job_ids, get_job, jobs_ahead, submit


def move(store: JobStore, job_id: str, to: MoveTarget, other: str | None = None, tenant: str = "ada") -> MoveResult:
    return store.call(commands.move(tenant, job_id, to, other))


def order(store: JobStore, tenant: str = "ada") -> str:
    """Return the last letters of the tenant's queued jobs, in order."""
    return "".join(job.id[-1] for job in store.call(commands.queued_jobs(tenant, 100)))


@pytest.fixture
def queue(store: JobStore) -> JobStore:
    """Ada's jobs a to e, of which c has a higher priority."""
    for letter in "abcde":
        submit(store, f"job_{letter}", priority=int(letter == "c"))
    assert order(store) == "cabde"
    return store


@pytest.mark.parametrize(
    ("job_id", "to", "other", "expected"),
    [
        ("job_e", MoveTarget.FRONT, None, "ecabd"),
        ("job_c", MoveTarget.BACK, None, "abdec"),
        ("job_e", MoveTarget.BEFORE, "job_a", "ceabd"),
        ("job_c", MoveTarget.BEFORE, "job_e", "abdce"),
        ("job_a", MoveTarget.BEFORE, "job_b", "cabde"),
        ("job_b", MoveTarget.BEFORE, "job_b", "cabde"),
        ("job_c", MoveTarget.FRONT, None, "cabde"),
        ("job_e", MoveTarget.BACK, None, "cabde"),
    ],
)
def test_a_job_goes_where_it_is_sent_whatever_its_priority(
    queue: JobStore, job_id: str, to: MoveTarget, other: str | None, expected: str
) -> None:
    before = get_job(queue, job_id)
    result = move(queue, job_id, to, other)
    assert (result.outcome, result.record) == (MoveOutcome.MOVED, before), "a move is no new version"
    assert result.position is not None
    assert result.position.jobs_ahead == expected.index(job_id[-1]) == jobs_ahead(queue, job_id)
    assert order(queue) == expected
    assert "".join(each[-1] for each in claimed_job_ids(queue, 9)) == expected


def test_a_job_that_returns_keeps_the_place_that_it_was_moved_to(queue: JobStore) -> None:
    move(queue, "job_e", MoveTarget.FRONT)
    first, second = claim(queue, "first"), claim(queue, "second")
    assert first is not None
    assert second is not None
    assert [first.id, second.id] == ["job_e", "job_c"]
    move(queue, "job_d", MoveTarget.FRONT)
    queue.call(commands.requeue(claim_ref(second)))
    queue.call(commands.requeue(claim_ref(first)))
    assert order(queue) == "ecdab", "c had moved on by one place, too"


def test_jobs_that_come_later_are_behind_the_back(queue: JobStore) -> None:
    move(queue, "job_a", MoveTarget.BACK)
    submit(queue, "job_f")
    submit(queue, "job_g", priority=1)
    assert order(queue) == "cgbdeaf"


def test_other_tenants_and_models_stay_as_they_are(queue: JobStore) -> None:
    for number in range(3):
        submit(queue, f"bob_{number}", "bob")
    submit(queue, "other_0", model="other")
    before = [jobs_ahead(queue, f"bob_{number}", "bob") for number in range(3)]
    move(queue, "job_e", MoveTarget.FRONT)
    assert [jobs_ahead(queue, f"bob_{number}", "bob") for number in range(3)] == before
    assert jobs_ahead(queue, "other_0") == 0
    assert claimed_job_ids(queue, 4) == ["job_e", "bob_0", "job_c", "bob_1"]


def test_what_cannot_be_moved_stays(queue: JobStore) -> None:
    submit(queue, "other_0", model="other")
    submit(queue, "bob_0", "bob")
    running = claim(queue)
    assert running is not None
    assert move(queue, "nothing", MoveTarget.FRONT) == MoveResult(MoveOutcome.UNKNOWN)
    assert move(queue, "job_a", MoveTarget.FRONT, tenant="bob") == MoveResult(MoveOutcome.UNKNOWN)
    assert move(queue, running.id, MoveTarget.BACK) == MoveResult(MoveOutcome.NOT_QUEUED, running)
    for other in (running.id, "other_0", "bob_0", "nothing"):
        result = move(queue, "job_e", MoveTarget.BEFORE, other)
        assert result == MoveResult(MoveOutcome.OTHER_NOT_QUEUED, get_job(queue, "job_e"))
    assert order(queue) == "0abde"


def test_a_paused_tenant_may_order_its_jobs(queue: JobStore) -> None:
    queue.call(commands.pause_tenant("ada", True))
    move(queue, "job_e", MoveTarget.FRONT)
    queue.call(commands.pause_tenant("ada", False))
    assert claimed_job_ids(queue, 2) == ["job_e", "job_c"]
