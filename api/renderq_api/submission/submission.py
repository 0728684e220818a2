"""Submission of a job: parse → check → ingest → resolve → enqueue."""

import math
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import JsonValue

from renderq.contract import ProblemKind, image_references
from renderq_api.assets import asset_not_found, has_remote_images
from renderq_api.auth import Caller
from renderq_api.http.problems import ApiProblem, daily_limit_reached, demo_full, not_found, purge_in_progress
from renderq_api.services import Services
from renderq_api.submission.capabilities import CheckedRequest, check
from renderq_api.submission.request_parser import parse
from renderq_api.submission.resolution import IngestedRequest, ResolvedJob, resolve
from renderq_api.submission.submission_span import submission_span
from renderq_api.submission.visitor_rules import check_visitor_request
from renderq_shared.ids import new_job_id
from renderq_shared.jobs import Idempotency, JobRecord, NewJob, SubmitOutcome, SubmitResult, commands

_QUOTA_EXCEEDED = "Your queue is full. Wait until some of your jobs have started, or cancel some."

_VISITOR_QUOTA_EXCEEDED = (
    "A visitor of this demo has at most one job that waits, and two that have not ended. Wait for one of them, or "
    "cancel it."
)

_REFUSALS = {
    SubmitOutcome.KEY_REUSED: (
        ProblemKind.IDEMPOTENCY_KEY_REUSE,
        "This Idempotency-Key was used with another body. Use a new key for a new request.",
    ),
    SubmitOutcome.QUEUE_FULL: (
        ProblemKind.QUEUE_FULL,
        "The service's queue is full. Try again later.",
    ),
    SubmitOutcome.QUOTA_EXCEEDED: (ProblemKind.QUOTA_EXCEEDED, _QUOTA_EXCEEDED),
}


@dataclass(frozen=True, slots=True)
class _Submitter:
    """The caller, and the facts that the headers and the route add to the body."""

    caller: Caller
    idempotency: Idempotency | None
    retried_from: str | None
    door: str | None
    traceparent: str | None


async def submit_job(
    services: Services,
    caller: Caller,
    body: dict[str, JsonValue],
    idempotency: Idempotency | None,
    retried_from: str | None = None,
    door: str | None = None,
) -> tuple[SubmitResult, JobRecord]:
    """Submit a new job, or replay an earlier submission. Returns the job that stands for it. Raises `ApiProblem`."""
    with submission_span(services.tracing, caller.tenant) as span:
        submitter = _Submitter(caller, idempotency, retried_from, door, span.traceparent)
        submitted, record = await _submit(services, submitter, body)
        span.annotate({"renderq.job_id": record.id, "renderq.model": record.model, "renderq.task": record.task})
        return submitted, record


async def _submit(
    services: Services, submitter: _Submitter, body: dict[str, JsonValue]
) -> tuple[SubmitResult, JobRecord]:
    caller, idempotency = submitter.caller, submitter.idempotency
    checked = check_request(services, caller, body)
    if caller.is_visitor:
        check_visitor_request(checked, services.visitors.limits, services.refused_words)
    # A replay must not fetch again: the remote images may have changed or disappeared.
    if has_remote_images(checked.request) and (replayed := await replay_job(services, caller.tenant, idempotency)):
        return replayed
    ingested = await _ingest(services, caller, checked)
    return await _enqueue(services, submitter, resolve(ingested))


async def replay_job(
    services: Services, tenant: str, idempotency: Idempotency | None
) -> tuple[SubmitResult, JobRecord] | None:
    """Return the job of an earlier submission; `None` for a new idempotency key or without one. Raises `ApiProblem`."""
    earlier = idempotency and await services.jobs.call(commands.replay_submission(tenant, idempotency))
    return (earlier, await _accepted_job(services, tenant, earlier)) if earlier else None


def check_request(services: Services, caller: Caller, body: dict[str, JsonValue]) -> CheckedRequest:
    """Return a request that its model can render. Raises `ApiProblem`."""
    # A visitor's webhook is refused as such: no setting of the operator would allow it.
    signs_webhooks = caller.is_visitor or bool(services.settings.webhook_keys)
    return check(parse(body, services.catalog), services.catalog, signs_webhooks=signs_webhooks)


async def _ingest(services: Services, caller: Caller, checked: CheckedRequest) -> IngestedRequest:
    """Store the request's images as assets of the tenant."""
    return IngestedRequest(checked, await services.request_images.ingest(caller.tenant, checked.request))


async def _enqueue(services: Services, submitter: _Submitter, resolved: ResolvedJob) -> tuple[SubmitResult, JobRecord]:
    """Add the job to the job store and wake a worker."""
    job = replace(
        new_job(services, submitter.caller.tenant, new_job_id(), resolved),
        idempotency=submitter.idempotency,
        retried_from=submitter.retried_from,
        door=submitter.door,
        traceparent=submitter.traceparent,
    )
    submitted = await services.jobs.call(commands.submit(job, services.queue_limits(submitter.caller)))
    if submitted.outcome is SubmitOutcome.QUOTA_EXCEEDED:
        raise await _quota_exceeded(services, submitter.caller)
    if submitter.caller.is_visitor:
        _raise_visitor_refusal(services, submitter.caller, submitted)
    if submitted.outcome is SubmitOutcome.ASSET_NOT_FOUND:
        raise asset_not_found(*image_references(resolved.request))
    record = await _accepted_job(services, submitter.caller.tenant, submitted)
    paused = submitted.position is not None and submitted.position.paused
    if (
        submitted.outcome is SubmitOutcome.ACCEPTED
        and submitted.pending_wakeups < services.settings.max_pending_wakeups
        and not paused
    ):
        services.wakeups.notify(job.model)
    return submitted, record


def new_job(services: Services, tenant: str, job_id: str, resolved: ResolvedJob) -> NewJob:
    """Return the job of a resolved request."""
    request = resolved.request
    deadline_s, webhook = request.deadline_seconds, request.webhook
    return NewJob(
        id=job_id,
        tenant=tenant,
        task=request.task,
        model=request.model,
        request_json=request.to_json(),
        images=request.n,
        cost=resolved.cost,
        priority=request.priority,
        max_attempts=services.settings.max_attempts,
        deadline_ms=None if deadline_s is None else round(deadline_s * 1000),
        webhook_events=webhook.events if webhook else (),
        webhook_host=urlsplit(webhook.url).hostname or "" if webhook else "",
        weight=services.keys.weight(tenant),
        assets=resolved.assets,
    )


def raise_refusal(outcome: SubmitOutcome) -> None:
    """Raise `ApiProblem` if the job store has refused a submission, whichever jobs it has."""
    if outcome in _REFUSALS:
        raise ApiProblem(*_REFUSALS[outcome])
    if outcome is SubmitOutcome.PURGE_IN_PROGRESS:
        raise purge_in_progress()


async def _quota_exceeded(services: Services, caller: Caller) -> ApiProblem:
    """Return the refusal, with the time until one of the tenant's queued jobs starts if there is an estimate."""
    queued = await services.jobs.call(commands.queued_jobs(caller.tenant, 1))
    wait_s = services.eta_cache.wait_s(queued[0]) if queued else None
    detail = _VISITOR_QUOTA_EXCEEDED if caller.is_visitor else _QUOTA_EXCEEDED
    headers = {} if wait_s is None else {"Retry-After": str(max(1, math.ceil(wait_s)))}
    return ApiProblem(ProblemKind.QUOTA_EXCEEDED, detail, headers=headers)


def _raise_visitor_refusal(services: Services, caller: Caller, submitted: SubmitResult) -> None:
    """Raise `ApiProblem` if the limits of visitors refuse the job."""
    if submitted.outcome is SubmitOutcome.VISITORS_FULL and submitted.record:
        eta = services.eta_cache.eta(submitted.record, submitted.position)
        raise demo_full(eta and math.ceil(eta.p50))
    if submitted.outcome is SubmitOutcome.ADDRESS_LIMIT_REACHED:
        detail = (
            "Visitors from your address have submitted all their jobs of this day. Come back tomorrow, or run renderq "
            "yourself."
        )
        ends_ms = (caller.key and caller.key.expires_ms) or 0
        raise daily_limit_reached(detail, ends_ms - services.keys.now_ms())


async def _accepted_job(services: Services, tenant: str, submitted: SubmitResult) -> JobRecord:
    raise_refusal(submitted.outcome)
    if submitted.record is not None:
        return submitted.record
    archived = submitted.job_id and await services.history.get_job(tenant, submitted.job_id)
    if not archived:
        raise not_found(
            "The job of this Idempotency-Key has been deleted. Send the request with another key to render it again."
        )
    return archived
