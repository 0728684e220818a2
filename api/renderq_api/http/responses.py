"""JSON responses, and the check for routes without query parameters."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.http.problems import invalid


def json_response(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a model as JSON. Caches must revalidate it, because state changes at any moment."""
    return Response(
        model.model_dump_json(), status, {"Cache-Control": "private, no-cache", **(headers or {})}, "application/json"
    )


async def require_no_query(request: Request) -> None:
    """Dependency of routes without query parameters: reject them instead of ignoring them."""
    if request.url.query:
        raise invalid("This route takes no query parameters.")
