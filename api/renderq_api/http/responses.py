"""JSON responses."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response


def json_response(model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a model as JSON. Caches must revalidate it, because state changes at any moment."""
    return Response(
        model.model_dump_json(), status, {"Cache-Control": "private, no-cache", **(headers or {})}, "application/json"
    )
