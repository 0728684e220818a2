"""The in-memory store's paces: what `lua/paces.lua` and the end of `lua/finish.lua` do."""

from collections import defaultdict, deque
from collections.abc import Iterable

from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.records import JobRecord, WorkerRecord
from renderq_shared.jobs.timings import MAX_SAMPLES, JobTiming, ModelTimings, TimingSample


class TimingTable:
    """What finished jobs took. The caller sees to it that calls come singly."""

    def __init__(self, book: JobTable) -> None:
        self._book = book
        self._samples: defaultdict[str, deque[TimingSample]] = defaultdict(lambda: deque(maxlen=MAX_SAMPLES))

    def record(self, ended: JobRecord, pace: JobTiming) -> None:
        """A job that succeeded."""
        wall_ms = (ended.completed_ms or 0) - (ended.started_ms or 0)
        self._samples[ended.model].appendleft(TimingSample(pace, ended.cost, ended.images, wall_ms))

    def timings(self, workers: Iterable[WorkerRecord]) -> tuple[ModelTimings, ...]:
        taking = [worker for worker in workers if not worker.draining]
        return tuple(
            ModelTimings(
                model=model,
                samples=tuple(self._samples[model]),
                devices=tuple(sorted(worker.device for worker in taking if model in worker.models)),
                warm=any(model in worker.resident_models for worker in taking),
            )
            for model in sorted(self._book.models)
        )
