"""Exception handlers: our errors, store errors and the framework's errors → problem responses."""

from collections.abc import Iterable
from typing import cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem, invalid, not_found, problem_response, redis_unavailable
from renderq_api.http.public_address import base_url, public_path
from renderq_shared.errors import (
    HistoryUnavailable,
    ObjectNotFound,
    ObjectStoreUnavailable,
    RecordUnreadable,
    StoreUnavailable,
)
from renderq_shared.redis.records import log_unreadable


def install_error_handlers(app: FastAPI) -> None:
    """Turn every expected error of a route into a problem. `RequestContextMiddleware` handles unexpected errors."""
    app.exception_handler(ApiProblem)(_api_problem)
    app.exception_handler(StoreUnavailable)(_redis_unavailable)
    app.exception_handler(HistoryUnavailable)(_history_unavailable)
    app.exception_handler(RecordUnreadable)(_record_unreadable)
    app.exception_handler(ObjectStoreUnavailable)(_object_store_unavailable)
    app.exception_handler(ObjectNotFound)(_object_not_found)
    app.exception_handler(RequestValidationError)(_invalid_parameter)
    app.exception_handler(HTTPException)(_framework_error)


async def _api_problem(request: Request, problem: ApiProblem) -> Response:
    return problem_response(request, problem)


async def _redis_unavailable(request: Request, error: Exception) -> Response:
    return problem_response(request, redis_unavailable(cast(StoreUnavailable, error)))


async def _history_unavailable(request: Request, _error: Exception) -> Response:
    detail = "The database of ended jobs is unavailable. Jobs that have not ended are not affected. Try again."
    return problem_response(request, ApiProblem(ProblemKind.HISTORY_UNAVAILABLE, detail))


async def _record_unreadable(request: Request, error: Exception) -> Response:
    unreadable = cast(RecordUnreadable, error)
    log_unreadable(unreadable.id, unreadable.reason)
    detail = (
        "The stored record of the job is damaged, or a newer version of renderq wrote it. Ask the operator to run "
        "`renderq history check`. A job that has ended can be deleted."
    )
    return problem_response(request, ApiProblem(ProblemKind.RECORD_UNREADABLE, detail))


async def _object_store_unavailable(request: Request, _error: Exception) -> Response:
    detail = "The object store that holds the images is unavailable. Try again."
    return problem_response(request, ApiProblem(ProblemKind.STORAGE_UNAVAILABLE, detail))


async def _object_not_found(request: Request, _error: Exception) -> Response:
    return problem_response(request, not_found("The image is no longer in the object store."))


async def _invalid_parameter(request: Request, error: RequestValidationError) -> Response:
    """Respond 404 for an invalid path parameter, 422 for any other parameter."""
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return problem_response(request, _no_such_route(request))
    return problem_response(request, invalid(f"The parameter {first['loc'][-1]} is not valid: {first['msg']}."))


async def _framework_error(request: Request, error: HTTPException) -> Response:
    match error.status_code:
        case 404:
            problem = _no_such_route(request)
        case 405:
            allowed = ", ".join(sorted(_methods(request.app.routes, request.scope)))
            problem = ApiProblem(
                ProblemKind.METHOD_NOT_ALLOWED,
                f"{request.method} is not allowed here. Allowed: {allowed}.",
                headers={"Allow": allowed},
            )
        case _:
            problem = invalid(str(error.detail))
    return problem_response(request, problem)


def _no_such_route(request: Request) -> ApiProblem:
    return not_found(f"No resource at {public_path(request)}. See {base_url(request)}openapi.json for all routes.")


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """Return the methods of all routes with this path. The framework's own `Allow` has only the first route's."""
    candidates = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    return {
        method
        for route in routes
        for method in candidates
        if route.matches({**scope, "method": method})[0] is Match.FULL
    }
