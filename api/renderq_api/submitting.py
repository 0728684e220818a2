"""One submission: to the job store, and word of it to a worker."""

from dataclasses import replace

from renderq.contract import FieldError, ProblemKind
from renderq_api.problems import ApiProblem, invalid, not_found
from renderq_api.services import Services
from renderq_api.tenants import Caller
from renderq_shared.jobs import JobRecord, NewJob, Submission, Submitted

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


async def submit_job(services: Services, caller: Caller, job: NewJob) -> tuple[Submitted, JobRecord]:
    """The answer, and the job that now stands for the submission. Raises `ApiProblem`."""
    _require_secret(services, job)
    job = replace(job, weight=services.keys.weight(caller.tenant))
    submitted = await services.jobs.submit(job, services.bounds(caller))
    if submitted.outcome in _REFUSALS:
        raise ApiProblem(*_REFUSALS[submitted.outcome])
    if submitted.record is None:
        raise not_found("The job of this Idempotency-Key has been deleted.")
    if submitted.outcome is Submission.ACCEPTED and submitted.wake_length < services.settings.wake_bound:
        services.wakeups.notify(job.model)
    return submitted, submitted.record


def _require_secret(services: Services, job: NewJob) -> None:
    """A secret made up here would differ between replicas, and the receiver could not know it."""
    if job.webhook_events and not services.settings.webhook_keys:
        detail = "This service signs no webhooks: its operator has to set RENDERQ_WEBHOOK_SECRETS."
        raise invalid(detail, FieldError(pointer="/webhook", code="webhooks_disabled", detail=detail))
