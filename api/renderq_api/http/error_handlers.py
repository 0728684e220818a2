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

STORE_ERRORS = (
    StoreUnavailable,
    HistoryUnavailable,
    RecordUnreadable,
    ObjectStoreUnavailable,
    ObjectNotFound,
)
"""Errors of the stores that a request may meet."""

StoreError = StoreUnavailable | HistoryUnavailable | RecordUnreadable | ObjectStoreUnavailable | ObjectNotFound


def install_error_handlers(app: FastAPI) -> None:
    """Turn every expected error of a route into a problem. `RequestContextMiddleware` handles unexpected errors."""
    app.exception_handler(ApiProblem)(_api_problem)
    for error in STORE_ERRORS:
        app.exception_handler(error)(_store_error)
    app.exception_handler(RequestValidationError)(_invalid_parameter)
    app.exception_handler(HTTPException)(_framework_error)


def store_problem(error: StoreError) -> ApiProblem:
    """Return the problem that an error of a store is, and log what the operator must know."""
    match error:
        case StoreUnavailable():
            return redis_unavailable(error)
        case HistoryUnavailable():
            detail = "The database of ended jobs is unavailable. Jobs that have not ended are not affected. Try again."
            return ApiProblem(ProblemKind.HISTORY_UNAVAILABLE, detail)
        case RecordUnreadable():
            log_unreadable(error.id, error.reason)
            detail = (
                "The stored record of the job is damaged, or a newer version of renderq wrote it. Ask the operator to "
                "run `renderq history check`. A job that has ended can be deleted."
            )
            return ApiProblem(ProblemKind.RECORD_UNREADABLE, detail)
        case ObjectStoreUnavailable():
            detail = "The object store that holds the images is unavailable. Try again."
            return ApiProblem(ProblemKind.STORAGE_UNAVAILABLE, detail)
        case ObjectNotFound():
            return not_found("The image is no longer in the object store.")


async def _api_problem(request: Request, problem: ApiProblem) -> Response:
    return problem_response(request, problem)


async def _store_error(request: Request, error: Exception) -> Response:
    return problem_response(request, store_problem(cast(StoreError, error)))


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
