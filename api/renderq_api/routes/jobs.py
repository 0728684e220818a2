"""Submit a job, look at it, wait for it, cancel it."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Job, ProblemKind
from renderq_api.auth.caller import CallerDep, TenantDep
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import read_object, require_no_fields
from renderq_api.http.prefer_header import wait_seconds
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.http.responses import require_no_query
from renderq_api.job_views.ids import is_job_id
from renderq_api.job_views.job_view import retry_after_s
from renderq_api.live.long_poll import JobSnapshot, wait_for_terminal
from renderq_api.openapi.document import (
    ACCEPTED_JOB,
    IDEMPOTENCY_KEY,
    JOB_BODY,
    PREFER,
    header,
    problems,
    response_headers,
)
from renderq_api.responses.job_links import urls_for
from renderq_api.responses.job_response import is_current, job_response, state_headers
from renderq_api.services import Services, ServicesDep
from renderq_api.submission.submission import submit_job
from renderq_shared.jobs import JobRecord, QueuePosition, SubmitOutcome, commands

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_no_query)])


@router.post(
    "",
    status_code=201,
    response_model=Job,
    summary="Submit a job",
    responses={
        **ACCEPTED_JOB,
        **problems(
            ProblemKind.INVALID_REQUEST,
            ProblemKind.MODEL_NOT_FOUND,
            ProblemKind.TASK_NOT_SUPPORTED,
            ProblemKind.TOO_MANY_PIXELS,
            ProblemKind.ASSET_NOT_FOUND,
            ProblemKind.IDEMPOTENCY_KEY_REUSE,
            ProblemKind.NOT_FOUND,  # the job of a known Idempotency-Key may have been deleted
            ProblemKind.PAYLOAD_TOO_LARGE,
            ProblemKind.REQUEST_TIMEOUT,
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            ProblemKind.QUOTA_EXCEEDED,
            ProblemKind.QUEUE_FULL,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={
        "requestBody": JOB_BODY,
        "parameters": [PREFER, IDEMPOTENCY_KEY],
    },
)
async def submit(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    wait = wait_seconds(request.headers.getlist("prefer"))
    body = await read_object(request)
    idempotency = parse_idempotency_key(
        request.headers.getlist("idempotency-key"), "POST", request.url.path, body.canonical
    )
    submitted, record = await submit_job(services, caller, body.fields, idempotency)
    if wait:
        found = await _wait(services, request, caller.tenant, record.id, wait)
    else:
        found = record, submitted.position
    headers = {"Location": urls_for(request).job(record.id)}
    if submitted.outcome is SubmitOutcome.REPLAYED:
        headers["Idempotency-Replayed"] = "true"
    return await job_response(request, services, found, wait, status=201, headers=headers)


@router.get(
    "/{job_id}",
    response_model=Job,
    summary="Look at a job, or wait for its end",
    responses={
        200: {
            "description": "The job as it is.",
            "headers": response_headers(
                ETag="The job's version. A place in the queue changes without a new version.",
                Retry_After="Seconds until asking again is worth it, while the job has not ended.",
                Preference_Applied="`wait=N` as granted.",
            ),
        },
        304: {"description": "The job still has the version that `If-None-Match` names."},
        **problems(ProblemKind.NOT_FOUND, ProblemKind.STORAGE_UNAVAILABLE),
    },
    openapi_extra={
        "parameters": [PREFER, header("If-None-Match", "An ETag, to be told only of a newer version.", 'W/"7"')]
    },
)
async def get_job(job_id: str, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    wait = wait_seconds(request.headers.getlist("prefer"))
    found = await _wait(services, request, tenant, job_id, wait or 0)
    record, place = found
    again_s = retry_after_s(place, services.eta_cache.eta(record, place))
    headers = {} if record.status.is_terminal else {"Retry-After": str(again_s)}
    if is_current(request.headers.get("if-none-match"), record.version):
        return Response(status_code=304, headers={**headers, **state_headers(record, wait)})
    return await job_response(request, services, found, wait, headers=headers)


@router.post(
    "/{job_id}/cancel",
    response_model=Job,
    summary="Cancel a job",
    description="Idempotent: a job that has already ended is answered as it is.",
    responses={
        200: {"description": "The job after the call.", "headers": response_headers(ETag="The job's version.")},
        **problems(
            ProblemKind.NOT_FOUND,
            ProblemKind.PAYLOAD_TOO_LARGE,
            ProblemKind.REQUEST_TIMEOUT,
            ProblemKind.UNSUPPORTED_MEDIA_TYPE,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
)
async def cancel(job_id: str, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    await require_no_fields(request)
    record = await services.jobs.call(commands.cancel(tenant, job_id)) if is_job_id(job_id) else None
    if record is None:
        raise _unknown()
    return await job_response(request, services, (record, None), wait=None)


async def _wait(services: Services, request: Request, tenant: str, job_id: str, seconds: int) -> JobSnapshot:
    """Raises `ApiProblem` for a job that this tenant never had."""

    async def read() -> tuple[JobRecord, QueuePosition | None] | None:
        return await services.jobs.call(commands.get(tenant, job_id))

    found: JobSnapshot | None = None
    if is_job_id(job_id):
        if seconds:
            with services.job_watchers.watch(job_id, terminal_only=True) as watcher:
                found = await wait_for_terminal(services.job_watchers, watcher, read, seconds, request)
        else:
            found = await read()
    if found is None:
        raise _unknown()
    return found


def _unknown() -> ApiProblem:
    return not_found("There is no such job.")
