"""Runs claimed jobs: through the engine, then to the finisher, with every verdict of the store heeded."""

import structlog

from renderq.contract import JobErrorCode
from renderq_shared.jobs.records import Verdict
from renderq_worker import report
from renderq_worker.engine.events import Canceled, Event, Failed, Previewed, Rendered, Warned
from renderq_worker.engine.tasks import Task, Txt2Img
from renderq_worker.engine_port import EnginePort
from renderq_worker.finisher import Finisher
from renderq_worker.inputs import Inputs
from renderq_worker.preview_writer import PreviewWriter
from renderq_worker.progress_writer import ProgressWriter
from renderq_worker.running_job import RunningJob, Stop

log = structlog.get_logger(__name__)

_ENGINE_CLOSED = report.Failure(
    JobErrorCode.INTERNAL, "the engine was closed before the picture was done", retryable=True
)


class JobRunner:
    """Connects a job's parts. Callable from any thread."""

    def __init__(
        self,
        engine: EnginePort,
        inputs: Inputs,
        finisher: Finisher,
        writer: ProgressWriter,
        previews: PreviewWriter,
    ) -> None:
        self._engine = engine
        self._inputs = inputs
        self._finisher = finisher
        self._writer = writer
        self._previews = previews

    def run(self, job: RunningJob) -> None:
        """Give the job's images to the engine, with what they start from; the rest follows from its events."""
        log.info("job_started", job=job.held.job_id, attempt=job.record.attempt, images=job.request.n)
        if job.request.pictures:
            self._inputs.prepare(job, self._enter, self._fail)
        else:
            self._enter(job, Txt2Img())

    def heed(self, job: RunningJob, verdict: Verdict) -> None:
        """What a fenced write met may end the job here."""
        if verdict is Verdict.CANCELING:
            self.stop(job, Stop.CANCELED)
        elif verdict is Verdict.LOST:
            self.stop(job, Stop.LOST)

    def stop(self, job: RunningJob, reason: Stop) -> None:
        """Take the job's images out of the engine before their next step."""
        if job.stop(reason):
            log.info("job_stopped", job=job.held.job_id, reason=reason.name.lower())
            self._engine.cancel(job.generation_ids)

    def _enter(self, job: RunningJob, task: Task) -> None:
        self._engine.submit(job.specs(task), lambda event: self._listen(job, event))
        job.enter()
        if job.is_stopped:  # while it was on its way into the engine
            self._engine.cancel(job.generation_ids)

    def _fail(self, job: RunningJob, failure: report.Failure) -> None:
        """All of its images, before they came into the engine."""
        job.enter()
        for index in range(job.request.n):
            self._settled(job, job.drop(index) if job.is_stopped else job.fail(index, failure))

    def _listen(self, job: RunningJob, event: Event) -> None:
        """On the engine's thread: note it and leave the work to others."""
        index = job.index_of(event.generation_id)
        match event:
            case Previewed():
                self._previews.take(job, event)
            case Rendered():
                self._writer.tell(job, at_once=job.follow(event))
                self._finisher.take(job, event)
            case Warned():
                job.warn(report.Warned(event.code, event.message))
            case Failed(code=code, message=message, retryable=retryable):
                self._settled(job, job.fail(index, report.Failure(code, message, retryable)))
            case Canceled():
                settled = job.drop(index) if job.is_stopped else job.fail(index, _ENGINE_CLOSED)
                self._settled(job, settled)
            case _:
                self._writer.tell(job, at_once=job.follow(event))

    def _settled(self, job: RunningJob, last: bool) -> None:
        if last:
            self._finisher.finish(job)
