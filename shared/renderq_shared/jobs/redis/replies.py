"""Results of each command from its script's reply."""

from collections import Counter
from typing import Any

from renderq.contract import Status
from renderq_shared.errors import RecordUnreadable
from renderq_shared.jobs.archive_records import ApiRecord, ArchiveState, RetentionResult
from renderq_shared.jobs.batch_records import BatchQueue, BatchResult, LiveBatch
from renderq_shared.jobs.claim_records import FenceResult, FinishResult, ProgressResult
from renderq_shared.jobs.delivery_records import DeliveryRecord
from renderq_shared.jobs.list_records import JobPage, JobPosition
from renderq_shared.jobs.purge_records import PurgedJob, PurgePage, PurgeRecord
from renderq_shared.jobs.records import (
    JobRecord,
    LoadMinute,
    ModelQueue,
    MoveOutcome,
    MoveResult,
    QueuedJob,
    QueuePosition,
    StoreStats,
    SubmitOutcome,
    SubmitResult,
    TenantRecord,
    WorkerRecord,
)
from renderq_shared.jobs.redis.codec import (
    decode_delivery,
    decode_ended_job,
    decode_job,
    decode_job_or_none,
    decode_model_queue,
    decode_model_timings,
    decode_purge,
    decode_queue_position,
    decode_tenant,
    decode_worker,
)
from renderq_shared.jobs.sweep_records import EndedJob, LeaseLoss, SweepResult
from renderq_shared.jobs.timings import ModelTimings
from renderq_shared.redis.records import decode_each, log_unreadable
from renderq_shared.redis.scripts import flat_to_dict, optional_int

Reply = list[Any]


def text_or_none(reply: str | None) -> str | None:
    return reply


def submit_result(reply: Reply) -> SubmitResult:
    outcome, pending_wakeups, job_id, job, *position = reply
    record = decode_job_or_none(job)
    return SubmitResult(SubmitOutcome(outcome), record, pending_wakeups, _position(position), job_id or None)


def batch_result(reply: Reply) -> BatchResult:
    outcome, batch_id, queues, missing_asset_of = reply
    return BatchResult(
        SubmitOutcome(outcome),
        batch_id or None,
        tuple(sorted((BatchQueue(model, pending, bool(paused)) for model, pending, paused in queues), key=_by_model)),
        None if missing_asset_of == "" else missing_asset_of,
    )


def live_batch(reply: Reply) -> LiveBatch | None:
    if not reply:
        return None
    first, by_job, running, last_queued = reply
    queued = ((decode_job(flat_to_dict(job)), decode_queue_position(*position)) for job, position in last_queued)
    return LiveBatch(
        first=decode_job(flat_to_dict(first)),
        statuses={job_id: Status(status) for job_id, status in by_job},
        running=_jobs(running),
        last_queued=tuple(sorted(queued, key=lambda each: each[0].model)),
    )


def replay_result(reply: Reply) -> SubmitResult | None:
    if not reply:
        return None
    outcome, job_id, job, *position = reply
    return SubmitResult(SubmitOutcome(outcome), decode_job_or_none(job), 0, _position(position), job_id or None)


def job_and_position(reply: Reply) -> tuple[JobRecord, QueuePosition | None] | None:
    if not reply:
        return None
    job, *position = reply
    return decode_job(flat_to_dict(job)), _position(position)


def queued_jobs(reply: Reply) -> tuple[QueuedJob, ...]:
    return tuple(
        QueuedJob(job_id, model, int(images), float(cost), decode_queue_position(*position))
        for job_id, model, images, cost, position in reply
    )


def job_page(reply: Reply) -> JobPage:
    jobs, *last = reply
    return JobPage(_jobs(jobs), JobPosition(int(last[0][0]), last[0][1]) if last else None)


def move_result(reply: Reply) -> MoveResult:
    outcome, job, *position = reply
    return MoveResult(MoveOutcome(outcome), decode_job_or_none(job), _position(position))


def statuses(reply: Reply) -> tuple[Status | None, ...]:
    return tuple(Status(each) if each else None for each in reply)


def fence_results(reply: Reply) -> tuple[FenceResult, ...]:
    return tuple(map(FenceResult, reply))


def progress_result(reply: Reply) -> ProgressResult:
    return ProgressResult(FenceResult(reply[0]), has_preview_viewers=bool(reply[1]))


def finish_result(reply: Reply) -> FinishResult:
    return FinishResult(bool(reply[0]), decode_job_or_none(reply[1]))


def sweep_result(reply: Reply) -> SweepResult:
    *ids, extended, queues, more, losses, ended = reply
    return SweepResult(
        *map(tuple, ids),
        extended=extended,
        queues=model_queues(queues),
        more=bool(more),
        lease_losses=tuple(LeaseLoss(model, bool(quarantined)) for model, quarantined in losses),
        ended=_ended_jobs(ended),
    )


def _ended_jobs(entries: Reply) -> tuple[EndedJob, ...]:
    """Decode ended jobs. Leaves out, and logs, those that cannot be read."""
    jobs: list[EndedJob] = []
    for entry in entries:
        try:
            jobs.append(decode_ended_job(entry))
        except RecordUnreadable as error:
            log_unreadable(error.id, error.reason)
    return tuple(jobs)


def retention_result(reply: Reply) -> RetentionResult:
    *ids, unarchived, ended, more = reply
    return RetentionResult(
        *map(tuple, ids), unarchived=_jobs(unarchived), deliveries=deliveries(ended), more=bool(more)
    )


def archive_state(reply: Reply) -> ArchiveState:
    unarchived, oldest_age_ms, apis = reply
    records = sorted((ApiRecord(*each) for each in apis), key=lambda api: api.process)
    return ArchiveState(unarchived, optional_int(oldest_age_ms or None), tuple(records))


def store_stats(reply: Reply) -> StoreStats:
    queues, running, registered, paused, *numbers = reply
    return StoreStats(model_queues(queues), dict(Counter(running)), workers(registered), frozenset(paused), *numbers)


def load_minutes(reply: Reply) -> tuple[LoadMinute, ...]:
    minutes, current = reply
    numbers = [[int(number) for number in minute.split()] for minute in reversed(minutes)]
    if current[0] is not None:  # else no sweep has begun it
        numbers.append([int(number or 0) for number in current])
    return tuple(LoadMinute(*each) for each in numbers)


def workers(reply: Reply) -> tuple[WorkerRecord, ...]:
    return tuple(sorted(decode_each(reply, decode_worker), key=lambda worker: worker.id))


def worker_or_none(reply: Reply) -> WorkerRecord | None:
    return decode_worker(reply) if reply else None


def model_queues(reply: Reply) -> tuple[ModelQueue, ...]:
    return tuple(sorted((decode_model_queue(*each) for each in reply), key=_by_model))


def _by_model(queue: ModelQueue | BatchQueue) -> str:
    return queue.model


def tenants(reply: Reply) -> tuple[TenantRecord, ...]:
    return tuple(sorted((decode_tenant(*each) for each in reply), key=lambda tenant: tenant.name))


def timings(reply: Reply) -> tuple[ModelTimings, ...]:
    return tuple(sorted((decode_model_timings(*each) for each in reply), key=lambda each: each.model))


def deliveries(reply: Reply) -> tuple[DeliveryRecord, ...]:
    return decode_each(reply, lambda flat: decode_delivery(flat_to_dict(flat)))


def delivery_or_none(reply: Reply) -> DeliveryRecord | None:
    return decode_delivery(flat_to_dict(reply)) if reply else None


def purge(reply: Reply) -> PurgeRecord:
    tenant, fields = reply
    return decode_purge(tenant, fields)


def purge_or_none(reply: Reply) -> PurgeRecord | None:
    return purge(reply) if reply else None


def purge_page(reply: Reply) -> PurgePage:
    waiting, ended = reply
    return PurgePage(tuple(PurgedJob(id, images, bool(again)) for id, images, again in ended), waiting)


def _jobs(reply: Reply) -> tuple[JobRecord, ...]:
    return decode_each(reply, lambda flat: decode_job(flat_to_dict(flat)))


def _position(reply: Reply) -> QueuePosition | None:
    return decode_queue_position(*reply[0]) if reply else None
