"""The stable address of a picture."""

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.answers import no_query
from renderq_api.ids import is_job_id
from renderq_api.openapi import problems
from renderq_api.pictures import FILE_PROBLEMS, PICTURE_ANSWERS, picture_answer
from renderq_api.problems import not_found
from renderq_api.representing import output_key
from renderq_api.services import Serving
from renderq_api.tenants import Tenant

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(no_query)])


@router.get(
    "/{job_id}/images/{index}",
    status_code=302,
    response_class=Response,
    summary="Fetch a picture",
    description="Leads to a fresh signed address, which serves `Range` requests; a service set to "
    "`RENDERQ_PICTURES=proxy` answers with the picture itself. This address never changes.",
    responses={**PICTURE_ANSWERS, **problems(*FILE_PROBLEMS)},
)
async def image(job_id: str, index: int, request: Request, services: Serving, tenant: Tenant) -> Response:
    found = await services.jobs.get(tenant, job_id) if is_job_id(job_id) else None
    if found is None:
        raise not_found("There is no such job.")
    record, _ = found
    key = output_key(record, index)
    if record.data_removed:
        raise not_found("The job's pictures were kept for as long as pictures are kept. Submit its `request` again.")
    if key is None:
        raise not_found(
            f"The job has no finished picture {index}; it is {record.status}, with {record.images} asked for."
        )
    return await picture_answer(services, key, request)


router.add_api_route("/{job_id}/images/{index}", image, methods=["HEAD"], include_in_schema=False)
