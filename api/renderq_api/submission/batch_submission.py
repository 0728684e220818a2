"""Submission of a batch: every request passes each step before any takes the next one, so that one refusal ends all."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from renderq.contract import LIMITS, FieldError, ProblemKind, image_references
from renderq.contract.image_references import is_asset_id
from renderq_api.assets import asset_not_found
from renderq_api.auth import Caller
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.services import Services
from renderq_api.submission.batch_items import BatchItem, convert_each, located
from renderq_api.submission.capabilities import CheckedRequest
from renderq_api.submission.resolution import IngestedRequest, ResolvedJob, resolve
from renderq_api.submission.submission import check_request, new_job, raise_refusal
from renderq_api.submission.submission_span import submission_span
from renderq_shared.ids import new_batch_id, new_job_id
from renderq_shared.jobs import (
    AssetRecord,
    BatchResult,
    Idempotency,
    NewBatch,
    NewJob,
    QueueLimits,
    SubmitOutcome,
    commands,
)
from renderq_shared.jobs.stored_results import StoredBatch


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """A batch that was accepted now, or before with the same idempotency key."""

    id: str
    is_replayed: bool


async def replay_batch(services: Services, tenant: str, idempotency: Idempotency | None) -> AcceptedBatch | None:
    """Return the batch of an earlier submission; `None` for a new key or without one. Raises `ApiProblem`."""
    known = idempotency and await services.jobs.call(commands.replay_submission(tenant, idempotency))
    return _accepted(BatchResult(known.outcome, known.job_id)) if known else None


async def submit_batch(
    services: Services, caller: Caller, items: Sequence[BatchItem], idempotency: Idempotency | None
) -> AcceptedBatch:
    """Submit all requests, or none, or replay an earlier submission. Raises `ApiProblem`.

    What takes long for a thousand requests runs in threads, so that other requests are answered meanwhile.
    """
    with submission_span(services.tracing, caller.tenant) as span:
        accepted = await _submit(services, caller, items, idempotency, span.traceparent)
        span.annotate({"renderq.batch_id": accepted.id})
        return accepted


async def _submit(
    services: Services,
    caller: Caller,
    items: Sequence[BatchItem],
    idempotency: Idempotency | None,
    traceparent: str | None,
) -> AcceptedBatch:
    limits = services.queue_limits(caller)
    _check_limits(items, limits)
    checked = await asyncio.to_thread(convert_each, items, items, lambda item: _check(services, caller, item))
    ingested = await _ingest(services, caller, items, checked)
    resolved = await asyncio.to_thread(convert_each, items, ingested, resolve)
    batch = await asyncio.to_thread(_new_batch, services, caller, items, resolved, idempotency, traceparent)
    result = await services.jobs.call(commands.submit_batch(batch, limits))
    accepted = _accepted(result, items, resolved)
    _wake(services, batch.jobs, result)
    return accepted


def _check_limits(items: Sequence[BatchItem], limits: QueueLimits) -> None:
    """Refuse a batch that no wait could make room for."""
    allowed = min(limits.total, limits.per_tenant)
    if len(items) > allowed:
        detail = f"The batch has {len(items):,} jobs, but only {allowed:,} may be queued at once. Divide it."
        raise invalid(detail, FieldError(pointer=items[0].list_root, code="too_many", detail=detail))


def _check(services: Services, caller: Caller, item: BatchItem) -> CheckedRequest:
    """Check a request with all that can be known before its images are, so that one response names all errors."""
    checked = check_request(services, caller, item.read_fields())
    if not image_references(checked.request):
        resolve(IngestedRequest(checked, {}))
    return checked


async def _ingest(
    services: Services, caller: Caller, items: Sequence[BatchItem], checked: Sequence[CheckedRequest]
) -> list[IngestedRequest]:
    """Store the images of all requests as assets, each image once."""
    references = [image_references(request.request) for request in checked]
    _check_new_images(items, references)
    assets: dict[str, AssetRecord] = {}
    for item, images in zip(items, references, strict=True):
        for field, ref in images.items():
            if ref in assets:
                continue
            try:
                assets[ref] = await services.request_images.ingest_image(caller.tenant, field, ref)
            except ApiProblem as problem:
                raise located([(item, problem)]) from problem
    return [
        IngestedRequest(request, {field: assets[ref] for field, ref in images.items()})
        for request, images in zip(checked, references, strict=True)
    ]


def _check_new_images(items: Sequence[BatchItem], references: Sequence[Mapping[str, str]]) -> None:
    """Refuse more images than one request may store, at the first one too many."""
    new: dict[str, tuple[BatchItem, str]] = {}
    for item, images in zip(items, references, strict=True):
        for field, ref in images.items():
            if not is_asset_id(ref):
                new.setdefault(ref, (item, field))
    if len(new) <= LIMITS.batch_images:
        return
    item, field = list(new.values())[LIMITS.batch_images]
    detail = (
        f"The batch has {len(new)} images that are no assets; the maximum is {LIMITS.batch_images}. Upload them first, "
        "and send the ids of the assets."
    )
    raise located([(item, invalid(detail, FieldError(pointer=f"/{field}", code="too_many", detail=detail)))])


def _new_batch(
    services: Services,
    caller: Caller,
    items: Sequence[BatchItem],
    resolved: Sequence[ResolvedJob],
    idempotency: Idempotency | None,
    traceparent: str | None,
) -> NewBatch:
    # Lists are in the order of ids, the newest first: descending ids put the first job of the batch first.
    ids = sorted((new_job_id() for _ in items), reverse=True)
    batch_id = new_batch_id()
    jobs = tuple(
        replace(
            new_job(services, caller.tenant, job_id, job),
            retried_from=item.retried_from,
            traceparent=traceparent,
            batch_id=batch_id,
            batch_json=StoredBatch(index=index, jobs=len(items), values=_values(item, job)).model_dump_json(),
        )
        for index, (job_id, item, job) in enumerate(zip(ids, items, resolved, strict=True))
    )
    size = sum(len(f"{job.request_json}{job.batch_json}".encode()) for job in jobs)
    if size > LIMITS.batch_bytes:
        detail = (
            f"The requests of the batch have {size:,} bytes together, with all defaults; the maximum is "
            f"{LIMITS.batch_bytes:,}. Divide it."
        )
        raise ApiProblem(ProblemKind.PAYLOAD_TOO_LARGE, detail)
    return NewBatch(batch_id, caller.tenant, jobs, services.keys.weight(caller.tenant), idempotency)


def _values(item: BatchItem, job: ResolvedJob) -> dict[str, JsonValue]:
    """Return the values on the axes of a sweep; images by the ids of their assets, as in the resolved request."""
    images = image_references(job.request)
    return {field: images.get(field, value) for field, value in item.values.items()}


def _accepted(
    result: BatchResult, items: Sequence[BatchItem] = (), resolved: Sequence[ResolvedJob] = ()
) -> AcceptedBatch:
    raise_refusal(result.outcome)
    if result.missing_asset_of is not None:
        fields = image_references(resolved[result.missing_asset_of].request)
        raise located([(items[result.missing_asset_of], asset_not_found(*fields))])
    return AcceptedBatch(result.batch_id or "", result.outcome is SubmitOutcome.REPLAYED)


def _wake(services: Services, jobs: Sequence[NewJob], result: BatchResult) -> None:
    """Wake a worker for each job, up to the limit of pending wake-ups."""
    counts = Counter(job.model for job in jobs)
    for queue in result.queues:
        missing = min(counts[queue.model], services.settings.max_pending_wakeups - queue.pending_wakeups)
        if missing > 0 and not queue.paused:
            services.wakeups.notify(queue.model, missing)
