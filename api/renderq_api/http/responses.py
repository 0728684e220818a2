"""What routes have in common: how an answer is built, and that nothing is accepted and ignored."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from renderq_api.http.problems import invalid


def json_response(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as JSON. What it says may be outdated in a moment, so caches must ask again."""
    return Response(
        model.model_dump_json(), status, {"Cache-Control": "private, no-cache", **(headers or {})}, "application/json"
    )


async def require_no_query(request: Request) -> None:
    """Dependency of every route without query parameters: an unknown one is the client's mistake."""
    if request.url.query:
        raise invalid("This route takes no query parameters.")
