"""Submissions of visitors: limits of one visitor, of an address and of all visitors together."""

import itertools
from dataclasses import replace

import pytest

from renderq_shared.jobs import (
    Idempotency,
    JobStore,
    QueueLimits,
    SubmitOutcome,
    SubmitResult,
    VisitorQuota,
    commands,
)
from renderq_shared.jobs.lifetimes import VISITOR_COUNT_TTL_MS
from tests.job_store.factories import NO_LIMITS, SUCCEEDED, claim, claim_ref, get_job, new_job
from tests.job_store.store_backends import StoreBackend

claims = itertools.count()

FOREVER_MS = 2**52


def quota(address: str = "here", **limits: int) -> QueueLimits:
    default = VisitorQuota(address, jobs_per_address=9, open_jobs=9, total_open_jobs=9, expires_ms=FOREVER_MS)
    return replace(NO_LIMITS, visitor=replace(default, **limits))


def submit(store: JobStore, job_id: str, tenant: str, limits: QueueLimits, key: str | None = None) -> SubmitResult:
    idempotency = Idempotency(key, "fingerprint") if key else None
    return store.call(commands.submit(new_job(job_id, tenant, idempotency=idempotency), limits))


def finish_next(store: JobStore) -> str:
    job = claim(store, f"claim-{next(claims)}")
    store.call(commands.finish(claim_ref(job), SUCCEEDED))
    assert job
    return job.id


def test_a_visitor_has_as_many_open_jobs_as_it_may(store: JobStore) -> None:
    limits = quota(open_jobs=2)
    submit(store, "job_1", "a", limits)
    claim(store)
    assert submit(store, "job_2", "a", limits).outcome is SubmitOutcome.ACCEPTED
    assert submit(store, "job_3", "a", limits).outcome is SubmitOutcome.QUOTA_EXCEEDED
    assert submit(store, "job_4", "b", limits).outcome is SubmitOutcome.ACCEPTED
    store.call(commands.cancel("a", "job_2"))
    assert submit(store, "job_5", "a", limits).outcome is SubmitOutcome.ACCEPTED


def test_jobs_of_an_address_count_for_all_its_visitors_until_the_next_day_is_over(backend: StoreBackend) -> None:
    store, limits = backend.store, quota(jobs_per_address=2)
    for visitor in ("a", "b"):
        submit(store, f"job_{visitor}", visitor, limits)
        finish_next(store)
    assert submit(store, "job_3", "a", limits).outcome is SubmitOutcome.ADDRESS_LIMIT_REACHED
    assert submit(store, "job_4", "a", quota("elsewhere", jobs_per_address=2)).outcome is SubmitOutcome.ACCEPTED
    backend.advance(VISITOR_COUNT_TTL_MS - 60_000)
    assert submit(store, "job_5", "a", limits).outcome is SubmitOutcome.ADDRESS_LIMIT_REACHED
    backend.advance(60_000)
    assert submit(store, "job_6", "a", limits).outcome is SubmitOutcome.ACCEPTED


def test_open_jobs_of_all_visitors_are_bounded(store: JobStore) -> None:
    limits = quota(total_open_jobs=2)
    submit(store, "job_1", "a", limits)
    submit(store, "job_2", "b", limits)
    full = submit(store, "job_3", "c", limits)
    assert (full.outcome, full.record, full.job_id) == (
        SubmitOutcome.VISITORS_FULL,
        get_job(store, "job_1", "a"),
        "job_1",
    )
    assert full.position is not None
    assert submit(store, "job_4", "somebody", NO_LIMITS).outcome is SubmitOutcome.ACCEPTED
    finish_next(store)
    assert submit(store, "job_5", "c", limits).outcome is SubmitOutcome.ACCEPTED


def test_only_accepted_jobs_count_and_each_once(store: JobStore) -> None:
    limits = quota(jobs_per_address=2, open_jobs=1)
    for _ in range(2):
        assert submit(store, "job_1", "a", limits, "key").outcome is SubmitOutcome.ACCEPTED
    assert submit(store, "job_2", "a", limits, "key").outcome is SubmitOutcome.REPLAYED
    assert submit(store, "job_3", "a", limits).outcome is SubmitOutcome.QUOTA_EXCEEDED
    finish_next(store)
    assert submit(store, "job_4", "a", limits).outcome is SubmitOutcome.ACCEPTED


@pytest.mark.parametrize("lifetime_ms", [-1_000, 3_600_000])
def test_a_visitor_that_has_ended_submits_nothing(store: JobStore, lifetime_ms: int) -> None:
    before = submit(store, "job_0", "other", NO_LIMITS).record
    assert before
    outcome = submit(store, "job_1", "a", quota(expires_ms=before.created_ms + lifetime_ms)).outcome
    assert outcome is (SubmitOutcome.PURGE_IN_PROGRESS if lifetime_ms < 0 else SubmitOutcome.ACCEPTED)
