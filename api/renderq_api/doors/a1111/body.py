"""JSON bodies with images."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import Request

from renderq_api.doors.image_body import receive_body
from renderq_api.http.json_body import parse_json, require_json
from renderq_api.http.strict_json import JsonObject
from renderq_api.services import Services


@asynccontextmanager
async def receive_object(request: Request, services: Services) -> AsyncGenerator[JsonObject]:
    """Receive a JSON object and count it against the memory for images until the block ends. Raises `ApiProblem`."""
    require_json(request)
    async with receive_body(request, services.upload_budget, services.settings.door_body_bytes) as data:
        yield await services.assets.decode(parse_json, data)
