"""Around every request: its id, its line in the log, and the answer to what nobody foresaw."""

import logging
import re
import secrets
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renderq.contract import ProblemKind
from renderq_api.auth.caller import Caller
from renderq_api.http.problems import ApiProblem, problem_response

log = structlog.get_logger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

_QUIET_METHODS = frozenset({"GET", "HEAD"})
"""Reads that succeed are logged at `debug`: polling clients would bury what happened to jobs."""

CLIENT_CLOSED = 499
"""What the log says of a client that did not wait for its answer; nginx's number, never sent."""


class RequestContextMiddleware:
    """ASGI middleware; the outermost of ours, so that nothing answers without a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except ClientDisconnect:
                status = CLIENT_CLOSED
            except Exception:
                log.exception("request_failed")
                if status is not None:
                    # Too late to say anything: an answer that breaks off is the only honest one left.
                    raise
                await _unforeseen(scope)(scope, receive, send_with_id)
            finally:
                quiet = scope["method"] in _QUIET_METHODS and status is not None and status < 400
                log.log(
                    logging.DEBUG if quiet else logging.INFO,
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    ms=round((time.perf_counter() - began) * 1000, 1),
                    **_key(scope["state"].get("caller")),
                )


def _key(caller: Caller | None) -> dict[str, str]:
    """Whose request it was: the key's id, never the key."""
    return {"key": caller.key.id, "tenant": caller.tenant} if caller and caller.key else {}


def _request_id(incoming: str | None) -> str:
    """The client's own id if it is a plain word, else a new one."""
    if incoming and _SANE_ID.fullmatch(incoming):
        return incoming
    return f"req_{secrets.token_hex(12)}"


def _unforeseen(scope: Scope) -> ASGIApp:
    detail = "This is a fault of the service, not of your request. Its log has the cause under the request_id."
    return problem_response(Request(scope), ApiProblem(ProblemKind.INTERNAL_ERROR, detail))
