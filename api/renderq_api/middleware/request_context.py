"""Request id, access log and 500 response for unexpected errors."""

import logging
import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renderq.contract import ProblemKind
from renderq_api.auth import Caller
from renderq_api.http.problems import ApiProblem, problem_response
from renderq_api.http.trace_context import traced_request

log = structlog.get_logger(__name__)

_SAFE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_QUIET_METHODS = frozenset({"GET", "HEAD"})
"""Successful reads are logged at `debug`: polling clients would drown all other lines."""

CLIENT_CLOSED = 499
"""Status of a request whose client disconnected; nginx's code. Received only by one that still listens."""


class RequestContextMiddleware:
    """ASGI middleware outside all that answers requests, so that every response has a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = _request_id(headers.get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            traced_request(headers.get("traceparent")),
        ):
            try:
                await self._app(scope, receive, send_with_id)
            except ClientDisconnect:
                if status is None:
                    await Response(status_code=CLIENT_CLOSED)(scope, receive, send)
                status = CLIENT_CLOSED
            except Exception:
                log.exception("request.failed")
                if status is not None:
                    # The response has started: breaking it off is the only way to signal the error.
                    raise
                await _internal_error(scope)(scope, receive, send_with_id)
            finally:
                quiet = scope["method"] in _QUIET_METHODS and status is not None and status < 400
                log.log(
                    logging.DEBUG if quiet else logging.INFO,
                    "request.completed",
                    client=scope["client"][0] if scope["client"] else "unknown",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    duration_ms=round((time.perf_counter() - started) * 1000, 1),
                    **_caller_fields(scope["state"].get("caller")),
                )


def _caller_fields(caller: Caller | None) -> dict[str, str]:
    """Return log fields of the caller: the key's id, never the key."""
    return {"key_id": caller.key.id, "tenant": caller.tenant} if caller and caller.key else {}


def _request_id(incoming: str | None) -> str:
    """Return the client's id if it is safe to log, else a new one."""
    if incoming and _SAFE_ID.fullmatch(incoming):
        return incoming
    return f"req_{secrets.token_hex(12)}"


def _internal_error(scope: Scope) -> ASGIApp:
    detail = "Internal error of the service, not of your request. The service's log has the cause under the request_id."
    return problem_response(Request(scope), ApiProblem(ProblemKind.INTERNAL_ERROR, detail))
