"""Job responses: JSON body and headers."""

from starlette.requests import Request
from starlette.responses import Response

from renderq_api.http.etag import weak_etag
from renderq_api.http.responses import json_response
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.responses.job_links import to_signed_job, urls_for
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord, SubmitOutcome


async def job_response(
    request: Request,
    services: Services,
    snapshot: JobSnapshot,
    wait: int | None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a job as JSON. `wait` is the granted wait in seconds, if any."""
    job = await to_signed_job(services, urls_for(request), snapshot)
    return json_response(job, status, {**state_headers(snapshot[0], wait), **(headers or {})})


async def accepted_response(
    request: Request, services: Services, outcome: SubmitOutcome, snapshot: JobSnapshot, wait: int | None = None
) -> Response:
    """Return the job of a submission, with its location."""
    headers = {"Location": urls_for(request).job(snapshot[0].id)}
    if outcome is SubmitOutcome.REPLAYED:
        headers["Idempotency-Replayed"] = "true"
    return await job_response(request, services, snapshot, wait, status=201, headers=headers)


def state_headers(record: JobRecord, wait: int | None) -> dict[str, str]:
    """Return the headers that every response about a job's state has, 304 included."""
    headers = {"ETag": weak_etag(record.version), "Vary": "Prefer"}
    if wait is not None:
        headers["Preference-Applied"] = f"wait={wait}"
    return headers
