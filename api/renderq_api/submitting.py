"""One submission: its pictures are brought in, the job goes to the job store, and word of it to a worker."""

from dataclasses import replace

from pydantic import JsonValue

from renderq.contract import FieldError, JobRequest, ProblemKind, pictures_of
from renderq_api.assets import asset_not_found, comes_from_elsewhere
from renderq_api.ids import new_job_id
from renderq_api.problems import ApiProblem, invalid, not_found
from renderq_api.resolving import new_job, read_request, resolve
from renderq_api.services import Services
from renderq_api.tenants import Caller
from renderq_shared.jobs import Idempotency, JobRecord, Submission, Submitted

_REFUSALS = {
    Submission.KEY_REUSED: (
        ProblemKind.IDEMPOTENCY_KEY_REUSE,
        "This Idempotency-Key came with another body before. Use a new key for a new request.",
    ),
    Submission.QUEUE_FULL: (
        ProblemKind.QUEUE_FULL,
        "The service has as many jobs queued as it takes. Try again later.",
    ),
    Submission.QUOTA_EXCEEDED: (
        ProblemKind.QUOTA_EXCEEDED,
        "You have as many jobs queued as one tenant may. Wait until some have started, or cancel some.",
    ),
}


async def submit_job(
    services: Services,
    caller: Caller,
    body: dict[str, JsonValue],
    promise: Idempotency | None,
    retried_from: str | None = None,
) -> tuple[Submitted, JobRecord]:
    """The answer, and the job that now stands for the submission. Raises `ApiProblem`."""
    tenant = caller.tenant
    wanted = read_request(body, services.catalog)
    _require_secret(services, wanted.request)
    if promise and comes_from_elsewhere(wanted.request):
        # What was fetched for the job may be gone by now; a repetition must not ask for it again.
        earlier = await services.jobs.replay(tenant, promise)
        if earlier is not None:
            return earlier, _standing(earlier, wanted.request)
    job = new_job(
        resolve(wanted, await services.inputs.bring_in(tenant, wanted.request)),
        job_id=new_job_id(),
        tenant=tenant,
        attempts_max=services.settings.attempts_max,
        idempotency=promise,
        retried_from=retried_from,
    )
    job = replace(job, weight=services.keys.weight(tenant))
    submitted = await services.jobs.submit(job, services.bounds(caller))
    record = _standing(submitted, wanted.request)
    paused = submitted.place is not None and submitted.place.paused
    if submitted.outcome is Submission.ACCEPTED and submitted.wake_length < services.settings.wake_bound and not paused:
        services.wakeups.notify(job.model)
    return submitted, record


def _standing(submitted: Submitted, request: JobRequest) -> JobRecord:
    if submitted.outcome in _REFUSALS:
        raise ApiProblem(*_REFUSALS[submitted.outcome])
    if submitted.outcome is Submission.ASSET_NOT_FOUND:
        raise asset_not_found(*pictures_of(request))
    if submitted.record is None:
        raise not_found("The job of this Idempotency-Key has been deleted.")
    return submitted.record


def _require_secret(services: Services, request: JobRequest) -> None:
    """A secret made up here would differ between replicas, and the receiver could not know it."""
    if request.webhook and not services.settings.webhook_keys:
        detail = "This service signs no webhooks: its operator has to set RENDERQ_WEBHOOK_SECRETS."
        raise invalid(detail, FieldError(pointer="/webhook", code="webhooks_disabled", detail=detail))
