"""Runs claimed jobs: through the engine, then to the finisher, with every verdict of the store heeded."""

import structlog

from renderq.contract import JobErrorCode
from renderq_shared.jobs.records import FenceResult
from renderq_worker.engine import Canceled, EngineProtocol, Event, Failed, Previewed, Rendered, Task, Txt2Img, Warned
from renderq_worker.jobs import report
from renderq_worker.jobs.inputs import InputLoader
from renderq_worker.jobs.post_processor import PostProcessor
from renderq_worker.jobs.preview_writer import PreviewWriter
from renderq_worker.jobs.progress_writer import ProgressWriter
from renderq_worker.jobs.running_job import RunningJob, StopReason

log = structlog.get_logger(__name__)

_ENGINE_CLOSED = report.JobError(
    JobErrorCode.INTERNAL, "the engine was closed before the picture was done", retryable=True
)


class JobRunner:
    """Connects a job's parts. Callable from any thread."""

    def __init__(
        self,
        engine: EngineProtocol,
        inputs: InputLoader,
        finisher: PostProcessor,
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
        log.info("job_started", job=job.claim_ref.job_id, attempt=job.record.attempt, images=job.request.n)
        if job.request.image_fields:
            self._inputs.load(job, self._submit_to_engine, self._fail)
        else:
            self._submit_to_engine(job, Txt2Img())

    def apply_fence_result(self, job: RunningJob, verdict: FenceResult) -> None:
        """What a fenced write met may end the job here."""
        if verdict is FenceResult.CANCELING:
            self.stop(job, StopReason.CANCELED)
        elif verdict is FenceResult.LOST:
            self.stop(job, StopReason.LOST)

    def stop(self, job: RunningJob, reason: StopReason) -> None:
        """Take the job's images out of the engine before their next step."""
        if job.request_stop(reason):
            log.info("job_stopped", job=job.claim_ref.job_id, reason=reason.name.lower())
            self._engine.cancel(job.generation_ids)

    def _submit_to_engine(self, job: RunningJob, task: Task) -> None:
        self._engine.submit(job.specs(task), lambda event: self._on_event(job, event))
        job.mark_submitted()
        if job.is_stopped:  # while it was on its way into the engine
            self._engine.cancel(job.generation_ids)

    def _fail(self, job: RunningJob, failure: report.JobError) -> None:
        """All of its images, before they came into the engine."""
        job.mark_submitted()
        for index in range(job.request.n):
            self._on_image_done(job, job.mark_canceled(index) if job.is_stopped else job.fail(index, failure))

    def _on_event(self, job: RunningJob, event: Event) -> None:
        """On the engine's thread: note it and leave the work to others."""
        index = job.index_of(event.generation_id)
        match event:
            case Previewed():
                self._previews.publish(job, event)
            case Rendered():
                self._writer.schedule(job, at_once=job.apply_event(event))
                self._finisher.submit(job, event)
            case Warned():
                job.warn(report.JobWarning(event.code, event.message))
            case Failed(code=code, message=message, retryable=retryable):
                self._on_image_done(job, job.fail(index, report.JobError(code, message, retryable)))
            case Canceled():
                settled = job.mark_canceled(index) if job.is_stopped else job.fail(index, _ENGINE_CLOSED)
                self._on_image_done(job, settled)
            case _:
                self._writer.schedule(job, at_once=job.apply_event(event))

    def _on_image_done(self, job: RunningJob, last: bool) -> None:
        if last:
            self._finisher.finish(job)
