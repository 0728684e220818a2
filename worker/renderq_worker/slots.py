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
from renderq_shared.jobs.protocol import JobStore
from renderq_shared.jobs.records import Candidate, ClaimRequest, Held, Outcome
from renderq_worker import report
from renderq_worker.engine_port import EnginePort
from renderq_worker.held_jobs import HeldJobs
from renderq_worker.report import Failure
from renderq_worker.running_job import RunningJob

log = structlog.get_logger(__name__)

LOOKAHEAD = 1
"""Images that may be taken beyond what could be stepped at once. The engine steps the shortest first, so that a short
job passes a long one, and the device goes on at once when the long one ends."""

_AHEAD_S = 0.1
"""Pause between questions for a job to take ahead of its time."""

_AWAY_S = 0.5
"""Pause before a claim that was not answered is asked again."""


@dataclass(frozen=True, slots=True)
class SlotSettings:
    worker_id: str
    models: tuple[str, ...]
    slots: int
    """Jobs that may be held at once, by all slots together."""
    lease_ms: int
    switch_after_ms: int


class Slots:
    """Claims by admission: one question at a time, and only for models that the engine has room for."""

    def __init__(
        self,
        settings: SlotSettings,
        store: JobStore,
        engine: EnginePort,
        held: HeldJobs,
        run: Callable[[RunningJob], None],
        pass_on: Callable[[str], None],
    ) -> None:
        """`pass_on` gives a wake-up for a model to another worker; quick."""
        self._settings = settings
        self._store = store
        self._engine = engine
        self._held = held
        self._run = run
        self._pass_on = pass_on
        self._claiming = threading.Lock()
        self._asked: ClaimRequest | None = None
        """A question that was not answered: the same one is asked again, so that a job that it won is found."""
        self._dry_until: dict[str, float] = {}
        """Models that had no job for us when last asked, and until when (monotonic) only a wake-up, or an empty
        engine, is reason to ask again."""
        self._closing = threading.Event()
        engine.on_room(self._on_room)

    def has_room(self) -> bool:
        """Whether a wake-up can be of use here: some job could begin at once. Quick."""
        return self._may_take(self._held.snapshot()) and _can_begin(self._room())

    def serve(self, model: str) -> None:
        """Claim jobs, and again whenever one ends or room grows; returns once this slot holds none.

        The body of a wake-up for `model`. Too many of them do no harm; what comes without room is passed on.
        """
        if not self.has_room():
            self._pass_on(model)
            return
        with self._claiming:
            self._dry_until.pop(model, None)
        mine: set[RunningJob] = set()
        while not self._closing.is_set():
            seen = self._held.changes
            try:
                while (job := self._claim()) is not None:
                    mine.add(job)
            except StoreUnavailable as error:
                log.warning("claim_not_answered", reason=str(error))
                self._closing.wait(_AWAY_S)
                continue
            mine = {job for job in mine if not job.is_ended}
            if mine:
                self._held.wait_beyond(seen)
            elif self._held.changes == seen:
                return

    def close(self) -> None:
        """Claim nothing more. What a lost answer may have given is asked for once more, and handed back."""
        self._closing.set()
        self._held.change()
        with self._claiming:
            if self._asked is None:
                return
            try:
                record = self._store.claim(self._asked)
                if record is not None:
                    self._store.requeue(Held(record.id, self._asked.claim_id))
            except StoreUnavailable as error:
                log.warning("claim_not_answered", reason=str(error))

    def _claim(self) -> RunningJob | None:
        with self._claiming:
            while not self._closing.is_set() and (asked := self._asked or self._question()) is not None:
                self._asked = asked
                record = self._store.claim(asked)
                self._asked = None
                if record is None:
                    self._note_dry(asked.candidates)
                    return None
                try:
                    job = RunningJob(record, asked.claim_id)
                except ValueError as error:
                    self._refuse(Held(record.id, asked.claim_id), error)
                    continue
                self._held.add(job)
                self._run(job)
                return job
            return None

    def _question(self) -> ClaimRequest | None:
        """What to ask the store for; nothing while a suspect runs, all places are taken, or no model has both
        room and, as far as is known, jobs."""
        held = self._held.snapshot()
        empty = not held and self._engine.is_empty()
        room = self._room()
        if not self._may_take(held) or not room or (self._is_dry(room) and not empty):
            return None
        resident = self._engine.resident_models()
        in_order = sorted(room, key=lambda model: model not in resident)
        return ClaimRequest(
            claim_id=uuid4().hex,
            worker=self._settings.worker_id,
            lease_ms=self._settings.lease_ms,
            candidates=tuple(Candidate(model, model in resident, ahead=room[model] <= 0) for model in in_order),
            engine_empty=empty,
            switch_after_ms=self._settings.switch_after_ms,
        )

    def _refuse(self, held: Held, error: ValueError) -> None:
        log.warning("request_not_understood", job=held.job_id, reason=str(error))
        message = f"this worker does not understand the stored request: {error}"
        failure = Failure(JobErrorCode.INTERNAL, message, retryable=False)
        self._store.finish(held, Outcome(Status.FAILED, error_json=report.error_json({0: failure}, images=1)))

    def _may_take(self, held: Collection[RunningJob]) -> bool:
        return (
            not self._closing.is_set()
            and len(held) < self._settings.slots
            and not any(job.record.suspect for job in held)
        )

    def _room(self) -> dict[str, int]:
        """Models of which something may be taken → images that could be stepped at once."""
        coming = sum(job.waiting for job in self._held.snapshot())
        rooms = {model: self._engine.room(model) - coming for model in self._settings.models}
        return {model: room for model, room in rooms.items() if room + LOOKAHEAD > 0}

    def _note_dry(self, candidates: Iterable[Candidate]) -> None:
        """Of jobs to begin at once wake-ups tell; jobs to take ahead are told to nobody."""
        soon = time.monotonic() + _AHEAD_S
        self._dry_until.update((each.model, soon if each.ahead else math.inf) for each in candidates)

    def _is_dry(self, models: Iterable[str]) -> bool:
        """Whether none of these is worth a question."""
        now = time.monotonic()
        return all(now < self._dry_until.get(model, now) for model in models)

    def _on_room(self) -> None:
        """On the engine's thread, after every step: only room that was not there at the last question is news."""
        if not self._is_dry(self._room()):
            self._held.change()


def _can_begin(rooms: Mapping[str, int]) -> bool:
    """Whether there is room for more than what is taken ahead of its time."""
    return any(room > 0 for room in rooms.values())
