"""Job routes: submit, get, wait, cancel, move."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import FieldError, Job, MoveJob, ProblemKind
from renderq_api.auth import CallerDep, TenantDep
from renderq_api.http.etag import is_current, weak_etag
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import read_object, require_no_fields
from renderq_api.http.prefer_header import wait_seconds
from renderq_api.http.problems import ApiProblem
from renderq_api.http.query import require_no_query
from renderq_api.http.validation import validate
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.job_views.job_view import retry_after_s
from renderq_api.live import wait_for_terminal
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY, PRECONDITIONS, PREFER, header
from renderq_api.openapi.request_bodies import JOB_BODY, MOVE_BODY
from renderq_api.openapi.responses import ACCEPTED_JOB, BODY_PROBLEMS, SUBMISSION_PROBLEMS, problems, response_headers
from renderq_api.responses.job_response import accepted_response, job_response, state_headers
from renderq_api.routes.job_lookup import JobIdDep, check_preconditions, require_job
from renderq_api.services import Services, ServicesDep
from renderq_api.submission import submission
from renderq_shared.jobs import JobRecord, MoveOutcome, MoveTarget, commands

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_no_query)])


@router.post(
    "",
    status_code=201,
    response_model=Job,
    summary="Submit a job",
    responses={
        **ACCEPTED_JOB,
        **problems(ProblemKind.INVALID_REQUEST, *SUBMISSION_PROBLEMS),
    },
    openapi_extra={
        "requestBody": JOB_BODY,
        "parameters": [PREFER, IDEMPOTENCY_KEY],
    },
)
async def submit_job(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    wait = wait_seconds(request.headers.getlist("prefer"))
    body = await read_object(request)
    idempotency = parse_idempotency_key(
        request.headers.getlist("idempotency-key"), "POST", request.url.path, body.canonical
    )
    submitted, record = await submission.submit_job(services, caller, body.fields, idempotency)
    if wait:
        snapshot = await _wait(services, request, caller.tenant, record.id, wait)
    else:
        snapshot = record, submitted.position
    return await accepted_response(request, services, submitted.outcome, snapshot, wait)


@router.get(
    "/{job_id}",
    response_model=Job,
    summary="Get a job, or wait until it ends",
    responses={
        200: {
            "description": "The current state of the job.",
            "headers": response_headers(
                ETag="Version of the job. The queue position changes without a new version.",
                Retry_After="Recommended seconds until the next poll, while the job has not ended.",
                Preference_Applied="The granted `wait=N`.",
            ),
        },
        304: {"description": "The job still has the version in `If-None-Match`."},
        **problems(
            ProblemKind.NOT_FOUND,
            ProblemKind.PRECONDITION_FAILED,
            ProblemKind.HISTORY_UNAVAILABLE,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={
        "parameters": [
            PREFER,
            PRECONDITIONS[0],
            header("If-None-Match", "ETag of a known version: responds 304 if unchanged.", 'W/"7"'),
        ]
    },
    dependencies=[Depends(check_preconditions)],
)
async def get_job(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    wait = wait_seconds(request.headers.getlist("prefer"))
    snapshot = await _wait(services, request, tenant, job_id, wait or 0)
    record, position = snapshot
    poll_s = retry_after_s(position, services.eta_cache.eta(record, position))
    headers = {} if record.status.is_terminal else {"Retry-After": str(poll_s)}
    if is_current(request.headers.getlist("if-none-match"), weak_etag(record.version)):
        return Response(status_code=304, headers={**headers, **state_headers(record, wait)})
    return await job_response(request, services, snapshot, wait, headers=headers)


@router.post(
    "/{job_id}/cancel",
    response_model=Job,
    summary="Cancel a job",
    description="Idempotent: a job that has already ended is returned unchanged.",
    responses={
        200: {"description": "The job after the call.", "headers": response_headers(ETag="Version of the job.")},
        **problems(
            ProblemKind.NOT_FOUND,
            ProblemKind.PRECONDITION_FAILED,
            ProblemKind.HISTORY_UNAVAILABLE,
            *BODY_PROBLEMS,
            ProblemKind.STORAGE_UNAVAILABLE,
        ),
    },
    openapi_extra={"parameters": PRECONDITIONS},
    dependencies=[Depends(check_preconditions)],
)
async def cancel_job(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    await require_no_fields(request)
    record = require_job(await services.directory.cancel(tenant, job_id))
    return await job_response(request, services, (record, None), wait=None)


@router.post(
    "/{job_id}/move",
    response_model=Job,
    summary="Move a queued job among your queued jobs",
    description="To the front or the back of your queued jobs of the same model, or before one of them, whatever their "
    "priorities. Other tenants are not affected. The job keeps its place if it returns to the queue. Idempotent.",
    responses=problems(
        ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE, ProblemKind.JOB_NOT_QUEUED, *BODY_PROBLEMS
    ),
    openapi_extra={"requestBody": MOVE_BODY},
)
async def move_job(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    body = validate(MoveJob, (await read_object(request)).fields)
    target = MoveTarget(body.to or MoveTarget.BEFORE)
    result = await services.jobs.call(commands.move(tenant, job_id, target, body.before))
    if result.outcome is MoveOutcome.UNKNOWN:
        ended, _ = require_job(await services.directory.find(tenant, job_id))
        raise _not_queued(ended)
    if result.outcome is MoveOutcome.OTHER_NOT_QUEUED:
        detail = "The job to move before is not among your queued jobs of the same model."
        error = FieldError(pointer="/before", code=ProblemKind.JOB_NOT_QUEUED, detail=detail)
        raise ApiProblem(ProblemKind.JOB_NOT_QUEUED, detail, errors=(error,))
    record = require_job(result.record)
    if result.outcome is MoveOutcome.NOT_QUEUED:
        raise _not_queued(record)
    return await job_response(request, services, (record, result.position), wait=None)


def _not_queued(record: JobRecord) -> ApiProblem:
    return ApiProblem(ProblemKind.JOB_NOT_QUEUED, f"The job is {record.status}. Only queued jobs can be moved.")


async def _wait(services: Services, request: Request, tenant: str, job_id: str, seconds: int) -> JobSnapshot:
    """Return the job, once it is terminal or after `seconds`. Raises `ApiProblem` if the tenant has no such job."""

    async def read() -> JobSnapshot | None:
        return await services.directory.find(tenant, job_id)

    if not seconds:
        return require_job(await read())
    watch = services.job_watchers.watch(job_id, terminal_only=True)
    with services.metrics.open_long_polls.track_inprogress(), watch as watcher:
        return require_job(await wait_for_terminal(services.job_watchers, watcher, read, seconds, request))
