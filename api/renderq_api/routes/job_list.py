"""Job history routes: list jobs, retry one, delete one."""

import asyncio
import json
from collections.abc import Sequence

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Job, JobAnnotation, JobList, JobWarning, ProblemKind, Status
from renderq_api.auth import Caller, CallerDep, TenantDep, no_visitors
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import read_object, require_no_fields
from renderq_api.http.problems import ApiProblem
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.validation import validate
from renderq_api.job_views.job_view import to_job
from renderq_api.job_views.pagination import LIST_PARAMETERS, encode_cursor, parse_list_query
from renderq_api.openapi.parameters import IDEMPOTENCY_KEY, PRECONDITIONS, query_parameters
from renderq_api.openapi.request_bodies import ANNOTATION_BODY
from renderq_api.openapi.responses import ACCEPTED_JOB, BODY_PROBLEMS, SUBMISSION_PROBLEMS, problems
from renderq_api.responses.job_links import urls_for
from renderq_api.responses.job_response import accepted_response, job_response
from renderq_api.routes.job_lookup import JobIdDep, check_preconditions, job_not_found, require_job
from renderq_api.services import Services, ServicesDep
from renderq_api.submission.submission import replay_job, submit_job
from renderq_shared.errors import RecordUnreadable
from renderq_shared.jobs import DeleteResult, Idempotency, JobRecord, SubmitResult
from renderq_shared.redis.records import log_unreadable

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_INCOMPLETE = JobWarning(
    code=ProblemKind.HISTORY_UNAVAILABLE, message="The history does not respond: jobs that ended earlier are missing."
)


@router.get(
    "",
    response_model=JobList,
    summary="List jobs, newest first",
    description="Follow `next_cursor` until it is null: a page may be short or even empty if few jobs match the "
    "filters. Jobs submitted during the listing are not included, and no job appears twice. Only `GET /v1/jobs/{id}` "
    "returns `queue_position` and `eta_seconds`.",
    responses=problems(ProblemKind.STORAGE_UNAVAILABLE),
    openapi_extra={"parameters": query_parameters(LIST_PARAMETERS)},
)
async def list_jobs(request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    query = parse_list_query(request.query_params.multi_items())
    page = await services.directory.page(tenant, query.filter, query.limit, query.after)
    urls, retention_s = urls_for(request), services.settings.output_retention_seconds
    ends_ms = services.keys.ends_ms(tenant)

    def build_list() -> JobList:
        jobs: list[Job] = []
        unreadable = list(page.unreadable)
        for record in page.records:
            try:
                jobs.append(to_job(record, None, urls, services.url_signer, retention_s, tenant_ends_ms=ends_ms))
            except RecordUnreadable as error:
                log_unreadable(record.id, error.reason)
                unreadable.append(record.id)
        return JobList(
            data=tuple(jobs),
            next_cursor=encode_cursor(page.last, query.filter) if page.last else None,
            warnings=_warnings(page.is_complete, unreadable),
        )

    return json_response(await asyncio.to_thread(build_list))


@router.post(
    "/{job_id}/retry",
    status_code=201,
    response_model=Job,
    summary="Retry a job that failed, was canceled or expired",
    description="Creates a new job with the same request, including the seed, and with `retried_from`. A succeeded job "
    "cannot be retried: submit its `request` to render the same images again.",
    responses={
        **ACCEPTED_JOB,
        **problems(ProblemKind.JOB_NOT_TERMINAL, ProblemKind.JOB_SUCCEEDED, *SUBMISSION_PROBLEMS),
    },
    openapi_extra={"parameters": [IDEMPOTENCY_KEY]},
    dependencies=[Depends(require_no_query)],
)
async def retry_job(job_id: JobIdDep, request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    await require_no_fields(request)
    idempotency = parse_idempotency_key(request.headers.getlist("idempotency-key"), "POST", request.url.path, b"")
    # An earlier retry stands, even if the job has been deleted since.
    replayed = await replay_job(services, caller.tenant, idempotency)
    submitted, record = replayed or await _retry(services, caller, job_id, idempotency)
    return await accepted_response(request, services, submitted.outcome, (record, submitted.position))


@router.patch(
    "/{job_id}",
    response_model=Job,
    summary="Keep a job, or label it",
    description="In any status. A kept job and its images are never deleted by retention. Labels select jobs in lists.",
    responses=problems(
        ProblemKind.NOT_FOUND, ProblemKind.PRECONDITION_FAILED, ProblemKind.HISTORY_UNAVAILABLE, *BODY_PROBLEMS
    ),
    openapi_extra={"requestBody": ANNOTATION_BODY, "parameters": PRECONDITIONS},
    dependencies=[Depends(require_no_query), Depends(check_preconditions), Depends(no_visitors)],
)
async def annotate_job(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    body = await read_object(request)
    change = validate(JobAnnotation, body.fields)
    record = require_job(await services.directory.annotate(tenant, job_id, change.kept, change.labels))
    return await job_response(request, services, (record, None), wait=None)


@router.delete(
    "/{job_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a job and its images",
    description="Afterward, the job cannot be found, not even by its Idempotency-Key. Its images are deleted within "
    "seconds, or as soon as the object store is available. Repeating the request within two minutes also returns 204.",
    responses={
        204: {"description": "The job is deleted."},
        **problems(
            ProblemKind.NOT_FOUND,
            ProblemKind.JOB_NOT_TERMINAL,
            ProblemKind.PRECONDITION_FAILED,
            ProblemKind.HISTORY_UNAVAILABLE,
        ),
    },
    openapi_extra={"parameters": PRECONDITIONS},
    dependencies=[Depends(require_no_query), Depends(check_preconditions)],
)
async def delete_job(job_id: JobIdDep, services: ServicesDep, tenant: TenantDep) -> Response:
    (result,) = await services.directory.delete(tenant, (job_id,))
    if result is DeleteResult.UNKNOWN:
        raise job_not_found()
    if result is DeleteResult.NOT_ENDED:
        raise _not_terminal("has not ended")
    return Response(status_code=204)


async def _retry(
    services: Services, caller: Caller, job_id: str, idempotency: Idempotency | None
) -> tuple[SubmitResult, JobRecord]:
    earlier, _ = require_job(await services.directory.find(caller.tenant, job_id))
    if earlier.status is Status.SUCCEEDED:
        detail = "The job succeeded. Submit its `request` to render the same images again."
        raise ApiProblem(ProblemKind.JOB_SUCCEEDED, detail)
    if not earlier.status.is_terminal:
        raise _not_terminal(f"is {earlier.status}")
    return await submit_job(services, caller, json.loads(earlier.request_json), idempotency, earlier.id)


def _warnings(is_complete: bool, unreadable: Sequence[str]) -> tuple[JobWarning, ...]:
    warnings = () if is_complete else (_INCOMPLETE,)
    if not unreadable:
        return warnings
    message = f"Left out, because their records cannot be read: {', '.join(unreadable)}."
    return (*warnings, JobWarning(code=ProblemKind.RECORD_UNREADABLE, message=message))


def _not_terminal(state: str) -> ApiProblem:
    return ApiProblem(ProblemKind.JOB_NOT_TERMINAL, f"The job {state}. Wait until it ends, or cancel it first.")
