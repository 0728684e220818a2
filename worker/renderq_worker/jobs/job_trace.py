"""Spans of a job that this worker has ended: its wait in the queue, and the stages that followed."""

from renderq.contract import Stage
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.sweep_records import error_code
from renderq_shared.tracing import Tracing
from renderq_worker.jobs.running_job import RunningJob

_NS_PER_MS = 1_000_000

_NAMES = {
    Stage.LOADING_MODEL: "renderq.load",
    Stage.ENCODING: "renderq.encode",
    Stage.DENOISING: "renderq.denoise",
    Stage.DECODING: "renderq.decode",
    Stage.UPLOADING: "renderq.upload",
}


def record_spans(tracing: Tracing, job: RunningJob, record: JobRecord) -> None:
    """Record the spans after the job's end, with the times at which they began. A job without a trace has none."""
    if record.traceparent is None:
        return
    attributes = {
        "renderq.job_id": record.id,
        "renderq.model": record.model,
        "renderq.task": record.task,
        "renderq.attempt": record.attempt,
    }
    queued = tracing.start("renderq.queued", record.traceparent, attributes, record.created_ms * _NS_PER_MS)
    queued.end(end_ns=(record.started_ms or record.created_ms) * _NS_PER_MS)
    starts = job.stage_starts
    error = error_code(record.error_json)
    for index, (stage, start_ns) in enumerate(starts):
        is_last = index + 1 == len(starts)
        span = tracing.start(_NAMES[stage], record.traceparent, attributes, start_ns)
        span.end(error if is_last else None, None if is_last else starts[index + 1][1])
