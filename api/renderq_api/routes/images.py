"""The stable addresses of a job's pictures."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.auth.caller import TenantDep
from renderq_api.http.problems import not_found
from renderq_api.http.responses import require_no_query
from renderq_api.job_views.ids import is_job_id
from renderq_api.job_views.job_view import grid_key, output_key
from renderq_api.openapi.document import problems
from renderq_api.responses.image_response import FILE_PROBLEMS, IMAGE_RESPONSES, image_response
from renderq_api.services import Services, ServicesDep
from renderq_shared.jobs import JobRecord, commands

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_no_query)])

_ADDRESS = (
    "Leads to a fresh signed address, which serves `Range` requests; a service set to "
    "`RENDERQ_IMAGE_DELIVERY=proxy` answers with the picture itself. This address never changes."
)


@router.get(
    "/{job_id}/images/grid",
    status_code=302,
    response_class=Response,
    summary="Fetch all pictures in one",
    description=f"The grid of a job that asked for one with `output.grid`. {_ADDRESS}",
    responses={**IMAGE_RESPONSES, **problems(*FILE_PROBLEMS)},
)
async def grid(job_id: str, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    record = await _with_pictures(services, tenant, job_id)
    key = grid_key(record)
    if key is None:
        raise not_found(
            f"The job has no grid; it is {record.status}. Succeeded jobs have one if their request says output.grid."
        )
    return await image_response(services, key, request)


@router.get(
    "/{job_id}/images/{index}",
    status_code=302,
    response_class=Response,
    summary="Fetch a picture",
    description=_ADDRESS,
    responses={**IMAGE_RESPONSES, **problems(*FILE_PROBLEMS)},
)
async def image(job_id: str, index: int, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    record = await _with_pictures(services, tenant, job_id)
    key = output_key(record, index)
    if key is None:
        raise not_found(
            f"The job has no finished picture {index}; it is {record.status}, with {record.images} asked for."
        )
    return await image_response(services, key, request)


async def _with_pictures(services: Services, tenant: str, job_id: str) -> JobRecord:
    """The job, if it still may have pictures. Raises `ApiProblem`."""
    found = await services.jobs.call(commands.get(tenant, job_id)) if is_job_id(job_id) else None
    if found is None:
        raise not_found("There is no such job.")
    record, _ = found
    if record.outputs_expired:
        raise not_found("The job's pictures were kept for as long as pictures are kept. Submit its `request` again.")
    return record


for _path, _answer in (("/{job_id}/images/grid", grid), ("/{job_id}/images/{index}", image)):
    router.add_api_route(_path, _answer, methods=["HEAD"], include_in_schema=False)
