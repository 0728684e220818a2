"""Concurrency: each job is claimed by exactly one worker."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from renderq.contract import Status
from renderq_shared.jobs import QueueLimits, SubmitOutcome, commands
from tests.job_store.factories import SUCCEEDED, claim, claim_ref, get_job, new_job, submit
from tests.job_store.store_backends import StoreBackend

THREADS, JOBS = 8, 64


def test_each_job_is_claimed_and_finished_exactly_once(backend: StoreBackend) -> None:
    for number in range(JOBS):
        submit(backend.store, f"job_{number}", f"tenant-{number % 5}")

    def work(thread: int) -> list[str]:
        done: list[str] = []
        while job := claim(backend.store, f"claim-{thread}-{len(done)}"):
            assert backend.store.call(commands.finish(claim_ref(job), SUCCEEDED)).accepted
            done.append(job.id)
        return done

    with ThreadPoolExecutor(THREADS) as pool:
        done = Counter(job_id for job_ids in pool.map(work, range(THREADS)) for job_id in job_ids)
    assert done == Counter(f"job_{number}" for number in range(JOBS))
    records = [get_job(backend.store, f"job_{number}", f"tenant-{number % 5}") for number in range(JOBS)]
    assert {(record.status, record.attempt, record.version) for record in records} == {(Status.SUCCEEDED, 1, 3)}


def test_limits_hold_when_many_submit_at_once(backend: StoreBackend) -> None:
    limits = QueueLimits(total=10, per_tenant=100)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(
            pool.map(lambda number: backend.store.call(commands.submit(new_job(f"job_{number}"), limits)), range(32))
        )
    assert Counter(answer.outcome for answer in answers) == {SubmitOutcome.ACCEPTED: 10, SubmitOutcome.QUEUE_FULL: 22}
