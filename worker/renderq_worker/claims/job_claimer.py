"""Slots: each wake-up starts one, which claims jobs for the engine and goes on until it holds none."""

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4

import structlog

from renderq.contract import JobErrorCode, Status
from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import commands
from renderq_shared.jobs.records import Candidate, ClaimRef, ClaimRequest, Outcome
from renderq_shared.jobs.store import JobStore
from renderq_worker.claims.claimed_jobs import ClaimedJobs
from renderq_worker.engine import EngineProtocol
from renderq_worker.jobs import report
from renderq_worker.jobs.report import JobError
from renderq_worker.jobs.running_job import RunningJob

log = structlog.get_logger(__name__)

PREFETCH = 1
"""Images that may be taken beyond what could be stepped at once. The engine steps the shortest first, so that a short
job passes a long one, and the device goes on at once when the long one ends."""

_PREFETCH_INTERVAL_S = 0.1
"""Pause between questions for a job to take ahead of its time."""

_RETRY_DELAY_S = 0.5
"""Pause before a claim that was not answered is asked again."""


@dataclass(frozen=True, slots=True)
class JobClaimerSettings:
    worker_id: str
    models: tuple[str, ...]
    slots: int
    """Jobs that may be held at once, by all slots together."""
    lease_ms: int
    switch_after_ms: int


class JobClaimer:
    """Claims by admission: one question at a time, and only for models that the engine has room for."""

    def __init__(
        self,
        settings: JobClaimerSettings,
        store: JobStore,
        engine: EngineProtocol,
        held: ClaimedJobs,
        run: Callable[[RunningJob], None],
        forward_wakeup: Callable[[str], None],
    ) -> None:
        """`forward_wakeup` gives a wake-up for a model to another worker; quick."""
        self._settings = settings
        self._store = store
        self._engine = engine
        self._held = held
        self._run = run
        self._forward_wakeup = forward_wakeup
        self._claiming = threading.Lock()
        self._unanswered_claim: ClaimRequest | None = None
        """A question that was not answered: the same one is asked again, so that a job that it won is found."""
        self._no_work_until: dict[str, float] = {}
        """Models that had no job for us when last asked, and until when (monotonic) only a wake-up, or an empty
        engine, is reason to ask again."""
        self._closing = threading.Event()
        engine.on_slots_freed(self._on_slots_freed)

    def can_accept(self) -> bool:
        """Whether a wake-up can be of use here: some job could begin at once. Quick."""
        return self._may_claim(self._held.snapshot()) and _has_free_slot(self._free_slots())

    def handle_wakeup(self, model: str) -> None:
        """Claim jobs, and again whenever one ends or room grows; returns once this slot holds none.

        The body of a wake-up for `model`. Too many of them do no harm; what comes without room is passed on.
        """
        if not self.can_accept():
            self._forward_wakeup(model)
            return
        with self._claiming:
            self._no_work_until.pop(model, None)
        mine: set[RunningJob] = set()
        while not self._closing.is_set():
            seen = self._held.changes
            try:
                while (job := self._claim()) is not None:
                    mine.add(job)
            except StoreUnavailable as error:
                log.warning("claim_not_answered", reason=str(error))
                self._closing.wait(_RETRY_DELAY_S)
                continue
            mine = {job for job in mine if not job.is_ended}
            if mine:
                self._held.wait_for_change(seen)
            elif self._held.changes == seen:
                return

    def close(self) -> None:
        """Claim nothing more. What a lost answer may have given is asked for once more, and handed back."""
        self._closing.set()
        self._held.notify()
        with self._claiming:
            if self._unanswered_claim is None:
                return
            try:
                record = self._store.call(commands.claim(self._unanswered_claim))
                if record is not None:
                    self._store.call(commands.requeue(ClaimRef(record.id, self._unanswered_claim.claim_id)))
            except StoreUnavailable as error:
                log.warning("claim_not_answered", reason=str(error))

    def _claim(self) -> RunningJob | None:
        with self._claiming:
            while not self._closing.is_set() and (asked := self._unanswered_claim or self._next_claim()) is not None:
                self._unanswered_claim = asked
                record = self._store.call(commands.claim(asked))
                self._unanswered_claim = None
                if record is None:
                    self._mark_empty(asked.candidates)
                    return None
                try:
                    job = RunningJob(record, asked.claim_id)
                except ValueError as error:
                    self._refuse(ClaimRef(record.id, asked.claim_id), error)
                    continue
                self._held.add(job)
                self._run(job)
                return job
            return None

    def _next_claim(self) -> ClaimRequest | None:
        """What to ask the store for; nothing while a suspect runs, all places are taken, or no model has both
        room and, as far as is known, jobs."""
        held = self._held.snapshot()
        empty = not held and self._engine.is_empty()
        room = self._free_slots()
        if not self._may_claim(held) or not room or (self._is_known_empty(room) and not empty):
            return None
        resident = self._engine.resident_models()
        in_order = sorted(room, key=lambda model: model not in resident)
        return ClaimRequest(
            claim_id=uuid4().hex,
            worker=self._settings.worker_id,
            lease_ms=self._settings.lease_ms,
            candidates=tuple(Candidate(model, model in resident, prefetch=room[model] <= 0) for model in in_order),
            engine_empty=empty,
            switch_after_ms=self._settings.switch_after_ms,
        )

    def _refuse(self, claim_ref: ClaimRef, error: ValueError) -> None:
        log.warning("request_not_understood", job=claim_ref.job_id, reason=str(error))
        message = f"this worker does not understand the stored request: {error}"
        failure = JobError(JobErrorCode.INTERNAL, message, retryable=False)
        self._store.call(
            commands.finish(claim_ref, Outcome(Status.FAILED, error_json=report.error_json({0: failure}, images=1)))
        )

    def _may_claim(self, held: Collection[RunningJob]) -> bool:
        return (
            not self._closing.is_set()
            and len(held) < self._settings.slots
            and not any(job.record.quarantined for job in held)
        )

    def _free_slots(self) -> dict[str, int]:
        """Models of which something may be taken → images that could be stepped at once."""
        coming = sum(job.pending_images for job in self._held.snapshot())
        rooms = {model: self._engine.free_slots(model) - coming for model in self._settings.models}
        return {model: room for model, room in rooms.items() if room + PREFETCH > 0}

    def _mark_empty(self, candidates: Iterable[Candidate]) -> None:
        """Of jobs to begin at once wake-ups tell; jobs to take ahead are told to nobody."""
        soon = time.monotonic() + _PREFETCH_INTERVAL_S
        self._no_work_until.update((each.model, soon if each.prefetch else math.inf) for each in candidates)

    def _is_known_empty(self, models: Iterable[str]) -> bool:
        """Whether none of these is worth a question."""
        now = time.monotonic()
        return all(now < self._no_work_until.get(model, now) for model in models)

    def _on_slots_freed(self) -> None:
        """On the engine's thread, after every step: only room that was not there at the last question is news."""
        if not self._is_known_empty(self._free_slots()):
            self._held.notify()


def _has_free_slot(rooms: Mapping[str, int]) -> bool:
    """Whether there is room for more than what is taken ahead of its time."""
    return any(room > 0 for room in rooms.values())
