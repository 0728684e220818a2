"""Timings of the in-memory store. Counterpart of `lua/timings.lua` and the end of `lua/finish.lua`."""

from collections import defaultdict, deque
from collections.abc import Iterable

from renderq_shared.jobs.memory.jobs import JobTable
from renderq_shared.jobs.records import JobRecord, WorkerRecord
from renderq_shared.jobs.timings import MAX_SAMPLES, JobTiming, ModelTimings, TimingSample


class TimingTable:
    """Timing samples per model. The caller serializes calls."""

    def __init__(self, jobs: JobTable) -> None:
        self._jobs = jobs
        self._samples: defaultdict[str, deque[TimingSample]] = defaultdict(lambda: deque(maxlen=MAX_SAMPLES))

    def record(self, ended: JobRecord, timing: JobTiming) -> None:
        """Add the sample of a succeeded job."""
        wall_ms = (ended.completed_ms or 0) - (ended.started_ms or 0)
        self._samples[ended.model].appendleft(TimingSample(timing, ended.cost, ended.images, wall_ms))

    def timings(self, workers: Iterable[WorkerRecord]) -> tuple[ModelTimings, ...]:
        accepting = [worker for worker in workers if not worker.draining]
        return tuple(
            ModelTimings(
                model=model,
                samples=tuple(self._samples[model]),
                devices=tuple(sorted(worker.device for worker in accepting if model in worker.models)),
                warm=any(model in worker.resident_models for worker in accepting),
            )
            for model in sorted(self._jobs.models)
        )
