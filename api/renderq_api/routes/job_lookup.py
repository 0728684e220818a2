"""Job lookup of the routes: the job of the path, or 404."""

from typing import Annotated, TypeVar

from fastapi import Depends

from renderq_api.http.problems import ApiProblem, not_found
from renderq_api.job_views.ids import is_job_id

Result = TypeVar("Result")


async def _job_id(job_id: str) -> str:
    if not is_job_id(job_id):
        raise job_not_found()
    return job_id


JobIdDep = Annotated[str, Depends(_job_id)]
"""Route parameter: the well-formed job id of the path. Any other path is a 404."""


def require_job(result: Result | None) -> Result:
    """Return the result of a job store call. Raises `ApiProblem` if the tenant has no such job."""
    if result is None:
        raise job_not_found()
    return result


def job_not_found() -> ApiProblem:
    return not_found("Job not found.")
