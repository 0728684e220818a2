"""Runs claimed jobs: inputs → engine → post-processor, and applies the fence results of the store."""

from collections.abc import Callable

import structlog

from renderq.contract import JobError, JobErrorCode, JobWarning
from renderq_shared.errors import RecordUnreadable, StoreUnavailable
from renderq_shared.jobs import JobStore, commands
from renderq_shared.jobs.claim_records import FenceResult
from renderq_shared.jobs.sweep_records import error_code
from renderq_worker.engine import Canceled, EngineProtocol, Event, Failed, Previewed, Rendered, Task, Txt2Img, Warned
from renderq_worker.jobs.inputs import InputLoader
from renderq_worker.jobs.post_processor import PostProcessor
from renderq_worker.jobs.preview_writer import PreviewWriter
from renderq_worker.jobs.progress_writer import ProgressWriter
from renderq_worker.jobs.running_job import RunningJob, StopReason

log = structlog.get_logger(__name__)

_ENGINE_CLOSED = JobError(
    code=JobErrorCode.INTERNAL, message="the engine was closed before the image was finished", retryable=True
)


class JobRunner:
    """Connects the components that process a job. Thread-safe."""

    def __init__(
        self,
        store: JobStore,
        engine: EngineProtocol,
        inputs: InputLoader,
        post_processor: PostProcessor,
        progress: ProgressWriter,
        previews: PreviewWriter,
        on_drop: Callable[[RunningJob], None],
    ) -> None:
        """`on_drop` is called with a job that an unexpected error stops: it must no longer count as claimed."""
        self._store = store
        self._engine = engine
        self._inputs = inputs
        self._post_processor = post_processor
        self._progress = progress
        self._previews = previews
        self._on_drop = on_drop

    def run(self, job: RunningJob) -> None:
        """Load the job's inputs and submit its images to the engine; its events drive the rest."""
        with job.log_context():
            log.info("job.started", attempt=job.record.attempt, images=job.request.n)
        if job.request.image_fields:
            self._inputs.load(job, self._submit_to_engine, self._fail)
        else:
            self._submit_to_engine(job, Txt2Img())

    def apply_fence_result(self, job: RunningJob, result: FenceResult) -> None:
        """Stop the job if a fenced write found it canceled or lost."""
        if result is FenceResult.CANCELING:
            self.stop(job, StopReason.CANCELED)
        elif result is FenceResult.LOST and self.release(job):
            with job.log_context():
                log.info("job.stopped", reason=self._refusal_reason(job))

    def stop(self, job: RunningJob, reason: StopReason) -> None:
        """Remove the job's images from the engine before their next step."""
        if job.request_stop(reason):
            with job.log_context():
                log.info("job.stopped", reason=reason.name.lower())
            self._engine.cancel(job.generation_ids)

    def release(self, job: RunningJob) -> bool:
        """Stop a job for which nothing more may be written; the caller logs why. Return whether that is new."""
        is_new = job.request_stop(StopReason.LOST)
        if is_new:
            self._engine.cancel(job.generation_ids)
        return is_new

    def _refusal_reason(self, job: RunningJob) -> str:
        """Return why the store refused a write: the job was ended or deleted elsewhere, or its lease was lost."""
        try:
            found = self._store.call(commands.get_job(job.record.tenant, job.claim_ref.job_id))
        except (StoreUnavailable, RecordUnreadable):
            return "unknown"
        if found is None:
            return "deleted"
        record = found[0]
        was_ended = record.status.is_terminal and record.claim_id == job.claim_ref.claim_id
        return "ended" if was_ended and error_code(record.error_json) != JobErrorCode.WORKER_LOST else "lost"

    def _submit_to_engine(self, job: RunningJob, task: Task) -> None:
        self._engine.submit(job.specs(task), lambda event: self._on_event(job, event))
        job.mark_submitted()
        if job.is_stopped:  # stopped while it was being submitted
            self._engine.cancel(job.generation_ids)

    def _fail(self, job: RunningJob, error: JobError) -> None:
        """Fail all images of a job whose inputs failed."""
        job.mark_submitted()
        for index in range(job.request.n):
            self._on_image_done(job, job.mark_canceled(index) if job.is_stopped else job.fail(index, error))

    def _on_event(self, job: RunningJob, event: Event) -> None:
        """Called on the engine's thread. A job that misses an image's last event would never end: the worker drops it,
        and without renewals its lease expires."""
        try:
            self._apply_event(job, event)
        except Exception:
            if not isinstance(event, Rendered | Failed | Canceled):
                raise  # the engine logs it
            with job.log_context():
                log.exception("job.dropped", engine_event=type(event).__name__)
            self.stop(job, StopReason.LOST)
            self._on_drop(job)

    def _apply_event(self, job: RunningJob, event: Event) -> None:
        """Record the event and leave the work to other threads."""
        index = job.index_of(event.generation_id)
        match event:
            case Previewed():
                self._previews.publish(job, event)
            case Rendered():
                self._progress.schedule(job, at_once=job.apply_event(event))
                self._post_processor.submit(job, event)
            case Warned():
                job.warn(JobWarning(code=event.code, message=event.message))
            case Failed(code=code, message=message, retryable=retryable):
                error = JobError(code=JobErrorCode(code), message=message, retryable=retryable)
                self._on_image_done(job, job.fail(index, error))
            case Canceled():
                is_last = job.mark_canceled(index) if job.is_stopped else job.fail(index, _ENGINE_CLOSED)
                self._on_image_done(job, is_last)
            case _:
                self._progress.schedule(job, at_once=job.apply_event(event))

    def _on_image_done(self, job: RunningJob, is_last: bool) -> None:
        if is_last:
            self._post_processor.finish(job)
