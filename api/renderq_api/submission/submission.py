"""One submission: its pictures are brought in, the job goes to the job store, and word of it to a worker."""

from dataclasses import replace

from pydantic import JsonValue

from renderq.contract import FieldError, JobRequest, ProblemKind, image_references
from renderq_api.assets import asset_not_found, has_remote_images
from renderq_api.auth.caller import Caller
from renderq_api.http.problems import ApiProblem, invalid, not_found
from renderq_api.job_views.ids import new_job_id
from renderq_api.services import Services
from renderq_api.submission.resolution import new_job, parse, resolve
from renderq_shared.jobs import Idempotency, JobRecord, SubmitOutcome, SubmitResult

_REFUSALS = {
    SubmitOutcome.KEY_REUSED: (
        ProblemKind.IDEMPOTENCY_KEY_REUSE,
        "This Idempotency-Key came with another body before. Use a new key for a new request.",
    ),
    SubmitOutcome.QUEUE_FULL: (
        ProblemKind.QUEUE_FULL,
        "The service has as many jobs queued as it takes. Try again later.",
    ),
    SubmitOutcome.QUOTA_EXCEEDED: (
        ProblemKind.QUOTA_EXCEEDED,
        "You have as many jobs queued as one tenant may. Wait until some have started, or cancel some.",
    ),
}


async def submit_job(
    services: Services,
    caller: Caller,
    body: dict[str, JsonValue],
    idempotency: Idempotency | None,
    retried_from: str | None = None,
) -> tuple[SubmitResult, JobRecord]:
    """The answer, and the job that now stands for the submission. Raises `ApiProblem`."""
    tenant = caller.tenant
    parsed = parse(body, services.catalog)
    _require_secret(services, parsed.request)
    if idempotency and has_remote_images(parsed.request):
        # What was fetched for the job may be gone by now; a repetition must not ask for it again.
        earlier = await services.jobs.replay(tenant, idempotency)
        if earlier is not None:
            return earlier, _accepted_job(earlier, parsed.request)
    job = new_job(
        resolve(parsed, await services.request_images.ingest(tenant, parsed.request)),
        job_id=new_job_id(),
        tenant=tenant,
        max_attempts=services.settings.max_attempts,
        idempotency=idempotency,
        retried_from=retried_from,
    )
    job = replace(job, weight=services.keys.weight(tenant))
    submitted = await services.jobs.submit(job, services.queue_limits(caller))
    record = _accepted_job(submitted, parsed.request)
    paused = submitted.position is not None and submitted.position.paused
    if (
        submitted.outcome is SubmitOutcome.ACCEPTED
        and submitted.pending_wakeups < services.settings.max_pending_wakeups
        and not paused
    ):
        services.wakeups.notify(job.model)
    return submitted, record


def _accepted_job(submitted: SubmitResult, request: JobRequest) -> JobRecord:
    if submitted.outcome in _REFUSALS:
        raise ApiProblem(*_REFUSALS[submitted.outcome])
    if submitted.outcome is SubmitOutcome.ASSET_NOT_FOUND:
        raise asset_not_found(*image_references(request))
    if submitted.record is None:
        raise not_found("The job of this Idempotency-Key has been deleted.")
    return submitted.record


def _require_secret(services: Services, request: JobRequest) -> None:
    """A secret made up here would differ between replicas, and the receiver could not know it."""
    if request.webhook and not services.settings.webhook_keys:
        detail = "This service signs no webhooks: its operator has to set RENDERQ_WEBHOOK_SECRETS."
        raise invalid(detail, FieldError(pointer="/webhook", code="webhooks_disabled", detail=detail))
