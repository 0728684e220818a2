"""Job lookup of the routes: the job of the path, or 404."""

from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import Request

from renderq.contract import ProblemKind
from renderq_api.auth import TenantDep
from renderq_api.http.etag import is_current, is_expected, weak_etag
from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.services import ServicesDep
from renderq_shared.ids import is_job_id

Result = TypeVar("Result")


async def _job_id(job_id: str) -> str:
    if not is_job_id(job_id):
        raise job_not_found()
    return job_id


JobIdDep = Annotated[str, Depends(_job_id)]
"""Route parameter: the well-formed job id of the path. Any other path is a 404."""


async def check_preconditions(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> None:
    """Raise `ApiProblem` unless `If-Match` and, except for reading, `If-None-Match` allow the request.

    RFC 9110, sections 13.1.1 and 13.1.2.
    """
    if_match = request.headers.getlist("if-match")
    if_none_match = [] if request.method in {"GET", "HEAD"} else request.headers.getlist("if-none-match")
    if not if_match and not if_none_match:
        return
    etag = weak_etag(require_job(await services.directory.find(tenant, job_id))[0].version)
    if not is_expected(if_match, etag):
        raise _precondition_failed(
            etag,
            "If-Match compares strongly (RFC 9110, 13.1.1), so only * matches a job, whose ETags are weak: compare "
            "`version` yourself, and send the request without If-Match",
        )
    if if_none_match and is_current(if_none_match, etag):
        raise _precondition_failed(etag, "If-None-Match names the job's version")


def _precondition_failed(etag: str, reason: str) -> ApiProblem:
    return ApiProblem(ProblemKind.PRECONDITION_FAILED, f"Nothing was done: {reason}.", headers={"ETag": etag})


def require_job(result: Result | None) -> Result:
    """Return the result of a job store call. Raises `ApiProblem` if the tenant has no such job."""
    if result is None:
        raise job_not_found()
    return result


def job_not_found() -> ApiProblem:
    """Return the same problem for a job of another tenant as for one that never existed."""
    return not_found(
        "Job not found. It was deleted by its owner or after its retention, or belongs to the tenant of another key, "
        "or the id is wrong. GET /v1/jobs lists the jobs of your key."
    )
