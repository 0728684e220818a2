"""Batches of a fake service."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from renderq.contract import (
    Batch,
    BatchCounts,
    BatchUrls,
    Job,
    JobBatch,
    ProblemKind,
    ResolvedRequest,
    Status,
    SubmitBatch,
    parse_resolved_request,
)
from renderq.contract.sweeps import combinations, sweep_errors
from renderq.testing.fake_state import FakeState
from renderq.testing.refusals import Refusal, validated
from renderq.testing.responses import problem

_UNSUCCESSFUL = frozenset({Status.FAILED, Status.CANCELED, Status.EXPIRED})


@dataclass(frozen=True, slots=True)
class _NewJob:
    """A job to add to a batch."""

    request: ResolvedRequest
    values: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    """Field of each axis → the value that the request has."""
    retried_from: str | None = None


class FakeBatches:
    """Batches, whose jobs are those of the state. Thread-safe."""

    def __init__(self, state: FakeState) -> None:
        self._state = state
        self._sizes: dict[str, int] = {}
        """Batch → number of jobs that were submitted."""

    def submit(self, body: object, idempotency_key: str | None) -> tuple[Batch, bool]:
        """Accept a batch. Returns the batch and whether the request is a replay. Raises `Refusal`.

        Errors name fields of its requests, not of the batch.
        """
        submitted = validated(SubmitBatch, body)
        with self._state.lock:
            self._state.raise_refusal()
            if earlier := self._state.replayed_id(idempotency_key, body):
                return self.batch(earlier), True
            jobs = [_NewJob(self._state.resolve(fields), values) for fields, values in _requests(submitted)]
            return self._add(jobs, idempotency_key, body), False

    def retry(self, batch_id: str, idempotency_key: str | None) -> tuple[Batch, bool]:
        """Submit the unsuccessful jobs of a batch again, as `submit`. Raises `Refusal`."""
        with self._state.lock:
            if earlier := self._state.replayed_id(idempotency_key, ("retry", batch_id)):
                return self.batch(earlier), True
            self.batch(batch_id)
            jobs = [
                _NewJob(parse_resolved_request(job.request), job.batch.values if job.batch else {}, job.id)
                for job in self._jobs(batch_id)
                if job.status in _UNSUCCESSFUL
            ]
            if not jobs:
                raise Refusal(problem(ProblemKind.NOTHING_TO_RETRY))
            return self._add(jobs, idempotency_key, ("retry", batch_id)), False

    def cancel(self, batch_id: str) -> Batch:
        """Cancel the jobs of a batch. Raises `Refusal`."""
        with self._state.lock:
            for job in self._jobs(batch_id):
                self._state.cancel(job.id)
            return self.batch(batch_id)

    def batches(self) -> list[Batch]:
        """Return all batches, oldest first."""
        with self._state.lock:
            return [self.batch(batch_id) for batch_id in self._sizes if self._jobs(batch_id)]

    def batch(self, batch_id: str) -> Batch:
        """Return a batch. Raises `Refusal`."""
        jobs = self._jobs(batch_id)
        if not jobs:
            raise Refusal(problem(ProblemKind.NOT_FOUND, f"there is no batch {batch_id}"))
        size, counts = self._sizes[batch_id], Counter(job.status.value for job in jobs)
        is_open = any(not job.status.is_terminal for job in jobs)
        has_started = any(job.started_at is not None for job in jobs)
        url = f"{self._state.base_url}/v1/batches/{batch_id}"
        return Batch(
            id=batch_id,
            status="ended" if not is_open else "running" if has_started else "queued",
            created_at=jobs[0].created_at,
            jobs=size,
            counts=BatchCounts(**counts, deleted=size - len(jobs)),
            eta_seconds=None,
            urls=BatchUrls(
                self=url,
                cancel=f"{url}/cancel",
                retry=f"{url}/retry",
                jobs=f"{self._state.base_url}/v1/jobs?batch={batch_id}",
            ),
        )

    def _jobs(self, batch_id: str) -> list[Job]:
        """Return the jobs of a batch, in its order."""
        return [job for job in self._state.jobs() if job.batch and job.batch.id == batch_id]

    def _add(self, jobs: Sequence[_NewJob], idempotency_key: str | None, request: object) -> Batch:
        batch_id = self._state.new_id("batch")
        self._sizes[batch_id] = len(jobs)
        for index, job in enumerate(jobs):
            self._state.add(job.request, job.retried_from, JobBatch(id=batch_id, index=index, values=job.values))
        self._state.remember(idempotency_key, request, batch_id)
        return self.batch(batch_id)


def _requests(submitted: SubmitBatch) -> list[tuple[dict[str, JsonValue], dict[str, JsonValue]]]:
    """Return the requests of a batch, each with its values on the axes. Raises `Refusal`."""
    if submitted.request is None:
        return [(fields, {}) for fields in submitted.requests or ()]
    request, axes = submitted.request, submitted.axes or []
    if errors := list(sweep_errors(request, axes)):
        raise Refusal(problem(ProblemKind.INVALID_REQUEST, errors=errors))
    return [(each.fields(), each.values) for each in combinations(request, axes)]
