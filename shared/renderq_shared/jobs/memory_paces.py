"""The in-memory store's paces: what `lua/paces.lua` and the end of `lua/finish.lua` do."""

from collections import defaultdict, deque
from collections.abc import Iterable

from renderq_shared.jobs.memory_book import JobBook
from renderq_shared.jobs.paces import SAMPLES_MAX, ModelPace, Pace, PaceSample
from renderq_shared.jobs.records import JobRecord, WorkerRecord


class PaceBook:
    """What finished jobs took. The caller sees to it that calls come singly."""

    def __init__(self, book: JobBook) -> None:
        self._book = book
        self._samples: defaultdict[str, deque[PaceSample]] = defaultdict(lambda: deque(maxlen=SAMPLES_MAX))

    def keep(self, ended: JobRecord, pace: Pace) -> None:
        """A job that succeeded."""
        wall_ms = (ended.completed_ms or 0) - (ended.started_ms or 0)
        self._samples[ended.model].appendleft(PaceSample(pace, ended.cost, ended.images, wall_ms))

    def paces(self, workers: Iterable[WorkerRecord]) -> tuple[ModelPace, ...]:
        taking = [worker for worker in workers if not worker.draining]
        return tuple(
            ModelPace(
                model=model,
                samples=tuple(self._samples[model]),
                devices=tuple(sorted(worker.device for worker in taking if model in worker.models)),
                warm=any(model in worker.resident_models for worker in taking),
            )
            for model in sorted(self._book.models)
        )
