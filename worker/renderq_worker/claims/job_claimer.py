"""Claims jobs for the engine: each wake-up occupies one slot until the jobs that it claimed have ended."""

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4

import structlog
from pydantic import ValidationError

from renderq.contract import JobError, JobErrorCode, Status
from renderq_shared.errors import RecordUnreadable, StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.claim_records import Candidate, ClaimRef, ClaimRequest, Outcome
from renderq_shared.jobs.store import JobStore
from renderq_shared.outage import Outage
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.engine import EngineProtocol
from renderq_worker.jobs.running_job import RunningJob

log = structlog.get_logger(__name__)

PREFETCH = 1
"""Images claimed beyond those that can be stepped at once. The engine steps the shortest first, so a short job
overtakes a long one, and the device goes on without a pause when the long one ends."""

_PREFETCH_INTERVAL_S = 0.1
"""Minimum time between two claim requests that only prefetch."""

_RETRY_DELAY_S = 0.5
"""Delay before a claim request that was not answered is repeated."""


MAX_LEFT = 200
"""Jobs left to other workers that are remembered. Further ones are claimed and left again."""

_UNKNOWN = frozenset({"extra_forbidden", "union_tag_invalid", "literal_error", "enum"})
"""pydantic's types of errors about something that this version does not know."""


@dataclass(frozen=True, slots=True)
class JobClaimerSettings:
    worker_id: str
    models: tuple[str, ...]
    slots: int
    """Maximum number of jobs claimed at a time, over all slots."""
    lease_ms: int
    switch_after_ms: int


class JobClaimer:
    """Claims by admission: one request at a time, and only for models for which the engine has free slots."""

    def __init__(
        self,
        settings: JobClaimerSettings,
        store: JobStore,
        engine: EngineProtocol,
        claimed_jobs: ClaimedJobs,
        run: Callable[[RunningJob], None],
        forward_wakeup: Callable[[str], None],
    ) -> None:
        """`forward_wakeup` publishes a model's wake-up again, for another worker; quick."""
        self._settings = settings
        self._store = store
        self._engine = engine
        self._claimed_jobs = claimed_jobs
        self._run = run
        self._forward_wakeup = forward_wakeup
        self._claiming = threading.Lock()
        self._unanswered_claim: ClaimRequest | None = None
        """A request that was not answered. Repeated with the same claim id, it finds the job that it may have won."""
        self._no_work_until: dict[str, float] = {}
        """Models without claimable jobs at the last request → monotonic time until which only a wake-up or an empty
        engine is a reason to ask again."""
        self._left: tuple[str, ...] = ()
        """Ids of the latest jobs that this worker has left to others, because a newer version has written them."""
        self._closing = threading.Event()
        self._outage = Outage()
        engine.on_slots_freed(self._on_slots_freed)

    def can_accept(self) -> bool:
        """Return whether a wake-up is useful here, because some job could start at once. Quick."""
        return self._may_claim(self._claimed_jobs.snapshot()) and _has_free_slot(self._free_slots())

    def handle_wakeup(self, model: str) -> None:
        """Claim jobs, again whenever one ends or slots are freed; return once all jobs claimed here have ended.

        Surplus wake-ups do no harm. Without a free slot the wake-up is forwarded.
        """
        if not self.can_accept():
            self._forward_wakeup(model)
            return
        with self._claiming:
            self._no_work_until.pop(model, None)
        own_jobs: set[RunningJob] = set()
        while not self._closing.is_set():
            changes = self._claimed_jobs.changes
            try:
                while (job := self._claim()) is not None:
                    own_jobs.add(job)
            except StoreUnavailable as error:
                if self._outage.has_new_cause(error):
                    log.warning("claim.unanswered", reason=str(error))
                self._closing.wait(_RETRY_DELAY_S)
                continue
            own_jobs = {job for job in own_jobs if not job.is_ended}
            if own_jobs:
                self._claimed_jobs.wait_for_change(changes)
            elif self._claimed_jobs.changes == changes:
                return

    def close(self) -> None:
        """Stop claiming. An unanswered claim is repeated once, and the job that it may have won is requeued."""
        self._closing.set()
        self._claimed_jobs.notify()
        with self._claiming:
            if self._unanswered_claim is None:
                return
            try:
                record = self._store.call(commands.claim(self._unanswered_claim))
                if record is not None:
                    self._store.call(commands.requeue(ClaimRef(record.id, self._unanswered_claim.claim_id)))
            except StoreUnavailable as error:
                log.warning("claim.unanswered", reason=str(error))

    def _claim(self) -> RunningJob | None:
        with self._claiming:
            while not self._closing.is_set() and (request := self._unanswered_claim or self._next_claim()) is not None:
                self._unanswered_claim = request
                try:
                    record = self._store.call(commands.claim(request))
                except RecordUnreadable as error:
                    self._unanswered_claim = None
                    self._leave(ClaimRef(error.id or "", request.claim_id), error.reason)
                    return None
                self._unanswered_claim = None
                self._outage.end()
                if record is None:
                    self._mark_empty(request.candidates)
                    return None
                try:
                    job = RunningJob(record, request.claim_id)
                except ValueError as error:
                    claim_ref = ClaimRef(record.id, request.claim_id)
                    if not _is_from_newer_version(error):
                        self._reject(claim_ref, error)
                    elif not self._leave(claim_ref, str(error)):
                        return None
                    continue
                self._claimed_jobs.add(job)
                try:
                    self._run(job)
                except BaseException:
                    self._claimed_jobs.remove(job)  # without renewals its lease expires
                    raise
                return job
            return None

    def _next_claim(self) -> ClaimRequest | None:
        """Return the next request; `None` while a job runs that runs alone, all slots are taken, or no model has both
        free slots and, as far as is known, jobs."""
        claimed = self._claimed_jobs.snapshot()
        is_empty = not claimed and self._engine.is_empty()
        free_slots = self._free_slots()
        if not self._may_claim(claimed) or not free_slots or (self._is_known_empty(free_slots) and not is_empty):
            return None
        resident = self._engine.resident_models()
        resident_first = sorted(free_slots, key=lambda model: model not in resident)
        return ClaimRequest(
            claim_id=uuid4().hex,
            worker=self._settings.worker_id,
            lease_ms=self._settings.lease_ms,
            candidates=tuple(
                Candidate(model, model in resident, prefetch=free_slots[model] <= 0) for model in resident_first
            ),
            engine_empty=is_empty,
            switch_after_ms=self._settings.switch_after_ms,
            engine_quarantined=bool(claimed) and all(job.record.quarantined for job in claimed),
            excluded=self._left,
        )

    def _leave(self, claim_ref: ClaimRef, reason: str) -> bool:
        """Release a job to other workers, and do not claim it again. Return whether another one may be left."""
        log.warning("job.left", job_id=claim_ref.job_id, claim_id=claim_ref.claim_id, reason=reason)
        self._left = (*self._left[-MAX_LEFT + 1 :], claim_ref.job_id)
        self._store.call(commands.requeue(claim_ref))
        return len(self._left) < MAX_LEFT

    def _reject(self, claim_ref: ClaimRef, error: ValueError) -> None:
        """Fail a job whose stored request is damaged."""
        log.warning("job.request_invalid", job_id=claim_ref.job_id, claim_id=claim_ref.claim_id, reason=str(error))
        job_error = JobError(
            code=JobErrorCode.INTERNAL,
            message=f"this worker does not understand the stored request: {error}",
            retryable=False,
            details={"images": [0]},
        )
        outcome = Outcome(Status.FAILED, error_json=job_error.model_dump_json())
        self._store.call(commands.finish(claim_ref, outcome))

    def _may_claim(self, claimed: Collection[RunningJob]) -> bool:
        return (
            not self._closing.is_set()
            and len(claimed) < self._settings.slots
            and not any(job.record.runs_alone for job in claimed)
        )

    def _free_slots(self) -> dict[str, int]:
        """Models that may be claimed → images that could be stepped at once; 0 or less: only to prefetch."""
        pending = sum(job.pending_images for job in self._claimed_jobs.snapshot())
        free = {model: self._engine.free_slots(model) - pending for model in self._settings.models}
        return {model: slots for model, slots in free.items() if slots + PREFETCH > 0}

    def _mark_empty(self, candidates: Iterable[Candidate]) -> None:
        """Note models without claimable jobs. Wake-ups announce new ones, but not those left for others to prefetch."""
        soon = time.monotonic() + _PREFETCH_INTERVAL_S
        self._no_work_until.update((each.model, soon if each.prefetch else math.inf) for each in candidates)

    def _is_known_empty(self, models: Iterable[str]) -> bool:
        """Return whether none of these models is worth a request."""
        now = time.monotonic()
        return all(now < self._no_work_until.get(model, now) for model in models)

    def _on_slots_freed(self) -> None:
        """Wake waiting slots if a request is worthwhile. Called on the engine's thread after every step."""
        if not self._is_known_empty(self._free_slots()):
            self._claimed_jobs.notify()


def _is_from_newer_version(error: ValueError) -> bool:
    """Return whether the stored request only names tasks, fields or values that this version does not know."""
    return isinstance(error, ValidationError) and all(each["type"] in _UNKNOWN for each in error.errors())


def _has_free_slot(free_slots: Mapping[str, int]) -> bool:
    """Return whether an image could be stepped at once, not only prefetched."""
    return any(slots > 0 for slots in free_slots.values())
