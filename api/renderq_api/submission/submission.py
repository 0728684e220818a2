"""Submission of a job: parse → check → ingest → resolve → enqueue."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import JsonValue

from renderq.contract import JobRequest, ProblemKind, image_references
from renderq_api.assets import asset_not_found, has_remote_images
from renderq_api.auth import Caller
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.job_views.ids import new_job_id
from renderq_api.services import Services
from renderq_api.submission.capabilities import CheckedRequest, check
from renderq_api.submission.parsing import parse
from renderq_api.submission.resolution import IngestedRequest, ResolvedJob, resolve
from renderq_shared.jobs import Idempotency, JobRecord, NewJob, SubmitOutcome, SubmitResult, commands

_REFUSALS = {
    SubmitOutcome.KEY_REUSED: (
        ProblemKind.IDEMPOTENCY_KEY_REUSE,
        "This Idempotency-Key was used with another body. Use a new key for a new request.",
    ),
    SubmitOutcome.QUEUE_FULL: (
        ProblemKind.QUEUE_FULL,
        "The service's queue is full. Try again later.",
    ),
    SubmitOutcome.QUOTA_EXCEEDED: (
        ProblemKind.QUOTA_EXCEEDED,
        "Your queue is full. Wait until some of your jobs have started, or cancel some.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Submitter:
    """The caller, and the facts that the headers and the route add to the body."""

    caller: Caller
    idempotency: Idempotency | None
    retried_from: str | None


async def submit_job(
    services: Services,
    caller: Caller,
    body: dict[str, JsonValue],
    idempotency: Idempotency | None,
    retried_from: str | None = None,
) -> tuple[SubmitResult, JobRecord]:
    """Submit a new job, or replay an earlier submission. Returns the job that stands for it. Raises `ApiProblem`."""
    parsed = parse(body, services.catalog)
    checked = check(parsed, signs_webhooks=bool(services.settings.webhook_keys))
    if idempotency and has_remote_images(checked.request):
        # A replay must not fetch again: the remote images may have changed or disappeared.
        earlier = await services.jobs.call(commands.replay_submission(caller.tenant, idempotency))
        if earlier is not None:
            return earlier, _accepted_job(earlier, checked.request)
    ingested = await _ingest(services, caller, checked)
    return await _enqueue(services, _Submitter(caller, idempotency, retried_from), resolve(ingested))


async def _ingest(services: Services, caller: Caller, checked: CheckedRequest) -> IngestedRequest:
    """Store the request's images as assets of the tenant."""
    return IngestedRequest(checked, await services.request_images.ingest(caller.tenant, checked.request))


async def _enqueue(services: Services, submitter: _Submitter, resolved: ResolvedJob) -> tuple[SubmitResult, JobRecord]:
    """Add the job to the job store and wake a worker."""
    job = _new_job(services, submitter, resolved)
    submitted = await services.jobs.call(commands.submit(job, services.queue_limits(submitter.caller)))
    record = _accepted_job(submitted, resolved.request)
    paused = submitted.position is not None and submitted.position.paused
    if (
        submitted.outcome is SubmitOutcome.ACCEPTED
        and submitted.pending_wakeups < services.settings.max_pending_wakeups
        and not paused
    ):
        services.wakeups.notify(job.model)
    return submitted, record


def _new_job(services: Services, submitter: _Submitter, resolved: ResolvedJob) -> NewJob:
    request, tenant = resolved.request, submitter.caller.tenant
    deadline_s, webhook = request.deadline_seconds, request.webhook
    return NewJob(
        id=new_job_id(),
        tenant=tenant,
        task=request.task,
        model=request.model,
        request_json=request.to_json(),
        images=request.n,
        cost=resolved.cost,
        priority=request.priority,
        max_attempts=services.settings.max_attempts,
        deadline_ms=None if deadline_s is None else round(deadline_s * 1000),
        idempotency=submitter.idempotency,
        retried_from=submitter.retried_from,
        webhook_events=webhook.events if webhook else (),
        webhook_host=urlsplit(webhook.url).hostname or "" if webhook else "",
        weight=services.keys.weight(tenant),
        assets=resolved.assets,
    )


def _accepted_job(submitted: SubmitResult, request: JobRequest) -> JobRecord:
    if submitted.outcome in _REFUSALS:
        raise ApiProblem(*_REFUSALS[submitted.outcome])
    if submitted.outcome is SubmitOutcome.ASSET_NOT_FOUND:
        raise asset_not_found(*image_references(request))
    if submitted.record is None:
        raise not_found("The job of this Idempotency-Key has been deleted.")
    return submitted.record
