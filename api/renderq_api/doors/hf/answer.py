"""Response of a job that has succeeded: the file of its image."""

from starlette.requests import Request
from starlette.responses import Response

from renderq_api.assets import read_file
from renderq_api.doors.job_run import response_headers
from renderq_api.services import Services
from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.stored_results import decode_outputs

_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/webp": "webp"}
"""Media type in `Accept` → file format."""


def image_format(accept: str) -> str:
    """Return the file format that a client asks for: the first one in `Accept` that we have; PNG without one."""
    types = (each.partition(";")[0].strip().lower() for each in accept.split(","))
    return next((_FORMATS[each] for each in types if each in _FORMATS), "png")


async def image_response(request: Request, services: Services, record: JobRecord) -> Response:
    """Return the image of a job that has succeeded. Raises `ObjectNotFound` and `ObjectStoreUnavailable`."""
    [output] = decode_outputs(record.outputs_json)
    with services.upload_budget.reserve() as reserve:
        reserve(output.size_bytes)
        content = await read_file(services.objects, output.key)
    headers = {"Cache-Control": "private, no-store", **response_headers(request)}
    return Response(content, 200, headers, output.content_type)
