"""Image routes: the stable URLs of a job's images and grid."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.auth import TenantDep
from renderq_api.http.problems import not_found
from renderq_api.http.responses import require_no_query
from renderq_api.job_views.job_view import grid_key, output_key
from renderq_api.openapi.document import problems
from renderq_api.responses.image_response import FILE_PROBLEMS, IMAGE_RESPONSES, image_response
from renderq_api.routes.job_lookup import JobIdDep, require_job
from renderq_api.services import Services, ServicesDep
from renderq_shared.jobs import JobRecord, commands

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(require_no_query)])

_DELIVERY = (
    "Redirects to a new signed URL, which supports `Range`. With `RENDERQ_IMAGE_DELIVERY=proxy`, the service sends the "
    "image itself. This URL never changes."
)


@router.get(
    "/{job_id}/images/grid",
    status_code=302,
    response_class=Response,
    summary="Download a job's grid of images",
    description=f"The grid of a job whose request has `output.grid`. {_DELIVERY}",
    responses={**IMAGE_RESPONSES, **problems(*FILE_PROBLEMS)},
)
async def get_grid(job_id: JobIdDep, request: Request, services: ServicesDep, tenant: TenantDep) -> Response:
    record = await _job_with_outputs(services, tenant, job_id)
    key = grid_key(record)
    if key is None:
        raise not_found(
            f"The job has no grid; its status is {record.status}. A job has a grid if its request sets output.grid."
        )
    return await image_response(services, key, request)


@router.get(
    "/{job_id}/images/{index}",
    status_code=302,
    response_class=Response,
    summary="Download an image",
    description=_DELIVERY,
    responses={**IMAGE_RESPONSES, **problems(*FILE_PROBLEMS)},
)
async def get_image(
    job_id: JobIdDep, index: int, request: Request, services: ServicesDep, tenant: TenantDep
) -> Response:
    record = await _job_with_outputs(services, tenant, job_id)
    key = output_key(record, index)
    if key is None:
        raise not_found(
            f"The job has no finished image {index}; its status is {record.status} and it has {record.images} in total."
        )
    return await image_response(services, key, request)


async def _job_with_outputs(services: Services, tenant: str, job_id: str) -> JobRecord:
    """Return the job, unless its outputs have expired. Raises `ApiProblem`."""
    record, _ = require_job(await services.jobs.call(commands.get_job(tenant, job_id)))
    if record.outputs_expired:
        raise not_found("Retention has deleted the job's images. Submit its `request` again to render them again.")
    return record


for _path, _handler in (("/{job_id}/images/grid", get_grid), ("/{job_id}/images/{index}", get_image)):
    router.add_api_route(_path, _handler, methods=["HEAD"], include_in_schema=False)
