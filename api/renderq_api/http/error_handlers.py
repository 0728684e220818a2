"""Exceptions → problems: ours, those of the shared parts, and those that the framework raises by itself."""

from collections.abc import Iterable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from renderq.contract import ProblemKind
from renderq_api.http.problems import ApiProblem, invalid, not_found, problem_response, redis_unavailable
from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable, StoreUnavailable


def install(app: FastAPI) -> None:
    """Make sure that every error of a route leaves as a problem; what is unforeseen ends in `RequestContextMiddleware`."""
    app.exception_handler(ApiProblem)(_ours)
    app.exception_handler(StoreUnavailable)(_redis_away)
    app.exception_handler(ObjectStoreUnavailable)(_objects_away)
    app.exception_handler(ObjectNotFound)(_object_gone)
    app.exception_handler(RequestValidationError)(_bad_parameters)
    app.exception_handler(HTTPException)(_framework)


async def _ours(request: Request, problem: ApiProblem) -> Response:
    return problem_response(request, problem)


async def _redis_away(request: Request, _error: Exception) -> Response:
    return problem_response(request, redis_unavailable())


async def _objects_away(request: Request, _error: Exception) -> Response:
    detail = "The store that holds the pictures does not answer; try again."
    return problem_response(request, ApiProblem(ProblemKind.STORAGE_UNAVAILABLE, detail))


async def _object_gone(request: Request, _error: Exception) -> Response:
    return problem_response(request, not_found("The picture is no longer in the store."))


async def _bad_parameters(request: Request, error: RequestValidationError) -> Response:
    """A path that does not fit names nothing; any other parameter is the client's mistake."""
    first = error.errors()[0]
    if first["loc"][0] == "path":
        return problem_response(request, _nothing_here(request))
    return problem_response(request, invalid(f"The parameter {first['loc'][-1]} is not valid: {first['msg']}."))


async def _framework(request: Request, error: HTTPException) -> Response:
    match error.status_code:
        case 404:
            problem = _nothing_here(request)
        case 405:
            allowed = ", ".join(sorted(_methods(request.app.routes, request.scope)))
            problem = ApiProblem(
                ProblemKind.METHOD_NOT_ALLOWED,
                f"{request.method} is not possible here; possible: {allowed}.",
                headers={"Allow": allowed},
            )
        case _:
            problem = invalid(str(error.detail))
    return problem_response(request, problem)


def _nothing_here(request: Request) -> ApiProblem:
    return not_found(f"There is nothing at {request.url.path}. The routes are listed at /openapi.json.")


def _methods(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """All methods that some route offers at this path: the framework's own `Allow` knows only the first route's."""
    candidates = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    return {
        method
        for route in routes
        for method in candidates
        if route.matches({**scope, "method": method})[0] is Match.FULL
    }
