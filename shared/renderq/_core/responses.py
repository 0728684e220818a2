"""Conversion of HTTP responses to models or errors."""

from dataclasses import dataclass
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from renderq._core.retries import is_retried, parse_retry_after
from renderq._core.sse import MEDIA_TYPE as EVENT_STREAM
from renderq._headers import is_header_value
from renderq.contract import Job, Problem
from renderq.errors import (
    APIError,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    Unauthorized,
    UnexpectedResponse,
)

ModelT = TypeVar("ModelT", bound=BaseModel)

OK = 200
NOT_MODIFIED = 304

_ERRORS: dict[int, type[APIError]] = {401: Unauthorized, 403: Forbidden, 404: NotFound, 429: RateLimited}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A job as one response showed it."""

    job: Job
    etag: str | None
    """Value for `If-None-Match`."""
    server_waited: bool
    """True if the service held the request (`Preference-Applied: wait`)."""
    retry_after: float | None
    """Seconds after which the service suggests polling again."""


def parse_response(model: type[ModelT], response: httpx2.Response) -> ModelT:
    """Parse the body as a model. Raises `UnexpectedResponse` if it does not match."""
    if not response.is_success:
        raise unexpected_response(response, _redirected(response))
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "/".join(str(part) for part in first["loc"]) or "the body"
        raise unexpected_response(response, f"not a renderq {model.__name__}: {where}: {first['msg']}") from None


def parse_snapshot(response: httpx2.Response) -> Snapshot | None:
    """Return the job, or `None` if it has not changed (304)."""
    if response.status_code == NOT_MODIFIED:
        return None
    etag = response.headers.get("ETag", "")
    return Snapshot(
        job=parse_response(Job, response),
        etag=etag if is_header_value(etag) else None,
        server_waited="wait" in response.headers.get("Preference-Applied", "").lower(),
        retry_after=parse_retry_after(response.headers.get("Retry-After")),
    )


def is_event_stream(response: httpx2.Response) -> bool:
    """Return whether the body is to be read as a stream."""
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return response.status_code == OK and media_type == EVENT_STREAM


def api_error(response: httpx2.Response) -> APIError:
    """Return the error for a 4xx or 5xx response."""
    problem = _problem(response)
    status = response.status_code
    kind = ServiceUnavailable if is_retried(status) else InvalidRequest
    return _ERRORS.get(status, kind)(
        _describe(problem)
        if problem
        else f"{_exchange(response)} without a problem document ({_content_type(response)})",
        status=status,
        problem=problem,
        retry_after=parse_retry_after(response.headers.get("Retry-After")),
    )


def unexpected_response(response: httpx2.Response, what: str) -> UnexpectedResponse:
    return UnexpectedResponse(f"{_exchange(response)}: {what}", status=response.status_code)


def _problem(response: httpx2.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def _describe(problem: Problem) -> str:
    """Format a problem in one line, with the location of each invalid value."""
    values = "; ".join(f"{error.pointer or '/'}: {error.detail}" for error in problem.errors)
    return f"{f'{problem.title}: {values}' if values else problem.detail} ({problem.code})"


def _redirected(response: httpx2.Response) -> str:
    target = redirect_target(response)
    return f"redirected to {redact_url(target)}; use that URL as base_url" if target else "expected a success status"


def redirect_target(response: httpx2.Response) -> httpx2.URL | None:
    """Return the URL that a response redirects to; `None` if it is not a redirect to an http or https URL."""
    if not response.has_redirect_location:
        return None
    try:
        target = response.request.url.join(response.headers["Location"])
    except httpx2.InvalidURL:
        return None
    return target if target.scheme in {"http", "https"} and target.host else None


def redact_url(url: httpx2.URL) -> str:
    """Return a URL for messages: without password, and without query, which may contain a signature."""
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"


def _exchange(response: httpx2.Response) -> str:
    request = response.request
    return (
        f"{request.method} {redact_url(request.url)} returned {response.status_code} {response.reason_phrase}".rstrip()
    )


def _content_type(response: httpx2.Response) -> str:
    return response.headers.get("Content-Type") or "no content type"
