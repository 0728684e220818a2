"""Routes that cancel and delete many jobs."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import CancelJobs, CancelJobsResult, DeleteJobs, DeleteJobsResult, ProblemKind
from renderq_api.auth import TenantDep
from renderq_api.http.json_body import read_object
from renderq_api.http.query import require_no_query
from renderq_api.http.responses import json_response
from renderq_api.http.validation import validate
from renderq_api.openapi.request_bodies import CANCEL_BODY, DELETE_BODY
from renderq_api.openapi.responses import BODY_PROBLEMS, problems
from renderq_api.services import ServicesDep

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_no_query)])

_REFUSING = (
    "The response is 200, and `refusals` names the jobs that were left as they were. Idempotent: repeat it after an "
    "error."
)


@router.post(
    "/cancel",
    response_model=CancelJobsResult,
    summary="Cancel many jobs",
    description=f"Up to 100 jobs by their ids, or all that are queued, of one model or of all. {_REFUSING}",
    responses=problems(*BODY_PROBLEMS, ProblemKind.STORAGE_UNAVAILABLE),
    openapi_extra={"requestBody": CANCEL_BODY},
)
async def cancel_jobs(request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    body = validate(CancelJobs, (await read_object(request)).fields)
    if body.ids is None:
        return json_response(await services.bulk.cancel_queued(tenant, body.model))
    return json_response(await services.bulk.cancel(tenant, body.ids))


@router.post(
    "/delete",
    response_model=DeleteJobsResult,
    summary="Delete many jobs and their images",
    description=f"Up to 100 jobs, which have ended. {_REFUSING}",
    responses=problems(ProblemKind.HISTORY_UNAVAILABLE, *BODY_PROBLEMS),
    openapi_extra={"requestBody": DELETE_BODY},
)
async def delete_jobs(request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    body = validate(DeleteJobs, (await read_object(request)).fields)
    return json_response(await services.bulk.delete(tenant, body.ids))
