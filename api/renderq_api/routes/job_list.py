"""Job history routes: list jobs, retry one, delete one."""

import asyncio
import json

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Job, JobList, ProblemKind, Status
from renderq_api.auth import CallerDep, TenantDep
from renderq_api.http.idempotency_key import parse_idempotency_key
from renderq_api.http.json_body import require_no_fields
from renderq_api.http.problems import ApiProblem
from renderq_api.http.responses import json_response, require_no_query
from renderq_api.job_views.job_view import to_job
from renderq_api.job_views.pagination import LIST_PARAMETERS, encode_cursor, parse_list_query
from renderq_api.openapi.document import ACCEPTED_JOB, IDEMPOTENCY_KEY, SUBMISSION_PROBLEMS, problems
from renderq_api.responses.job_links import urls_for
from renderq_api.responses.job_response import accepted_response
from renderq_api.routes.job_lookup import JobIdDep, job_not_found, require_job
from renderq_api.services import ServicesDep
from renderq_api.submission.submission import submit_job
from renderq_shared.jobs import DeleteResult, commands

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_SCAN = 500
"""Maximum number of jobs scanned per call, which blocks Redis for about two milliseconds."""


@router.get(
    "",
    response_model=JobList,
    summary="List jobs, newest first",
    description="Follow `next_cursor` until it is null: a page may be short or even empty if few jobs match the "
    "filters. Jobs submitted during the listing are not included, and no job appears twice. Only `GET /v1/jobs/{id}` "
    "returns `queue_position` and `eta_seconds`.",
    responses=problems(ProblemKind.STORAGE_UNAVAILABLE),
    openapi_extra={
        "parameters": [
            {"in": "query", "name": name, "schema": schema, "description": text}
            for name, (schema, text) in LIST_PARAMETERS.items()
        ]
    },
)
async def list_jobs(request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    query = parse_list_query(request.query_params.multi_items())
    page = await services.jobs.call(commands.page(tenant, query.filter, query.limit, _SCAN, query.after))
    urls, retention_s = urls_for(request), services.settings.output_retention_seconds

    def build_list() -> JobList:
        return JobList(
            data=tuple(to_job(record, None, urls, services.url_signer, retention_s) for record in page.records),
            next_cursor=encode_cursor(page.last, query.filter) if page.last else None,
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
    earlier, _ = require_job(await services.jobs.call(commands.get_job(caller.tenant, job_id)))
    if earlier.status is Status.SUCCEEDED:
        detail = "The job succeeded. Submit its `request` to render the same images again."
        raise ApiProblem(ProblemKind.JOB_SUCCEEDED, detail)
    if not earlier.status.is_terminal:
        raise _not_terminal(f"is {earlier.status}")
    submitted, record = await submit_job(services, caller, json.loads(earlier.request_json), idempotency, earlier.id)
    return await accepted_response(request, services, submitted.outcome, (record, submitted.position))


@router.delete(
    "/{job_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a job and its images",
    description="Afterward, the job cannot be found, not even by its Idempotency-Key. Its images are deleted within "
    "seconds, or as soon as the object store is available. Repeating the request within two minutes also returns 204.",
    responses={
        204: {"description": "The job is deleted."},
        **problems(ProblemKind.NOT_FOUND, ProblemKind.JOB_NOT_TERMINAL),
    },
    dependencies=[Depends(require_no_query)],
)
async def delete_job(job_id: JobIdDep, services: ServicesDep, tenant: TenantDep) -> Response:
    result = await services.jobs.call(commands.delete(tenant, job_id))
    if result is DeleteResult.UNKNOWN:
        raise job_not_found()
    if result is DeleteResult.NOT_ENDED:
        raise _not_terminal("has not ended")
    return Response(status_code=204)


def _not_terminal(state: str) -> ApiProblem:
    return ApiProblem(ProblemKind.JOB_NOT_TERMINAL, f"The job {state}. Wait until it ends, or cancel it first.")
