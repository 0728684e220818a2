"""Authentication and rate limiting of every request.

Without keys, every request to a loopback host is admitted. With keys, every route needs one except those listed here.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renderq.contract import ProblemKind
from renderq_api.auth import (
    KEYLESS,
    Caller,
    KeyRing,
    RateLimitState,
    loopback_refusal,
    token_key_id,
    verify_event_token,
)
from renderq_api.http.problems import ApiProblem, problem_response, redis_unavailable
from renderq_api.services import Services
from renderq_shared.access import ApiKey, KeyRecord, parse_key
from renderq_shared.errors import StoreUnavailable

_OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""Routes that reveal nothing about any tenant."""

_SIGNED = "/v1/files/"
"""Prefix of signed URLs, which need no key."""

_EVENTS = re.compile(r"/v1/jobs/([^/]+)/events")

_BEARER = re.compile(r"bearer +([^\s,]+)", re.IGNORECASE)


class AuthenticationMiddleware:
    """ASGI middleware that sets the request's caller, or rejects the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, services = Request(scope), scope["app"].state.services
        try:
            caller = await identify(request, services.keys)
            rate = await _check_rate(services, caller)
        except (ApiProblem, StoreUnavailable) as error:
            problem = error if isinstance(error, ApiProblem) else redis_unavailable(error)
            await problem_response(request, problem)(scope, receive, send)
        else:
            scope["state"]["caller"] = caller
            await self._app(scope, receive, _with_headers(send, rate.headers) if rate else send)


async def _check_rate(services: Services, caller: Caller | None) -> RateLimitState | None:
    """Count the request and return its key's rate limit state, if the key has a limit.

    Raises `ApiProblem` and `StoreUnavailable`.
    """
    key = caller and caller.key
    if key is None or key.requests_per_minute is None:
        return None
    rate = await services.rate_limits.hit(key.id, key.requests_per_minute, services.keys.now_ms())
    if rate.is_exceeded:
        detail = f"This API key is limited to {rate.limit} requests per minute. Try again in {rate.resets_s} s."
        headers = {**rate.headers, "Retry-After": str(rate.resets_s)}
        raise ApiProblem(ProblemKind.RATE_LIMITED, detail, headers=headers)
    return rate


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers


async def identify(request: Request, ring: KeyRing) -> Caller | None:
    """Return the caller; `None` for an open route. Raises `ApiProblem` and `StoreUnavailable`."""
    path: str = request.scope["path"]
    is_open = path in _OPEN or path.startswith(_SIGNED)
    if not is_open:
        await ring.ensure_fresh()
    if not ring.required and _sent_key(request.headers) is not None:
        await ring.read()  # a request with a key suggests that keys exist now
    if not ring.required:
        if refusal := loopback_refusal(request.headers):
            raise ApiProblem(ProblemKind.FORBIDDEN, refusal)
        return KEYLESS
    if is_open:
        return None
    events = _EVENTS.fullmatch(path)
    token = request.query_params.get("token") if events else None
    if events and token is not None:
        key = await _key_of_token(ring, token, events[1])
    else:
        key = await _key_of_header(ring, request.headers)
    ring.record_use(key)
    return Caller(key.tenant, key.role, key, via_token=token is not None)


async def _key_of_header(ring: KeyRing, headers: Headers) -> KeyRecord:
    if "authorization" not in headers:
        raise _unauthorized(
            "This service requires an API key. Send the header `Authorization: Bearer rq_…`. The operator creates keys "
            "with `renderq keys create`.",
            sent=False,
        )
    sent = _sent_key(headers)
    if sent is None:
        raise _unauthorized(
            "The Authorization header has no valid API key. Send `Bearer`, a space and the key, which starts with rq_. "
            "The key may be truncated or mistyped."
        )
    key = await ring.find(sent.id)
    if key is None or key.revoked_ms is not None or not sent.matches(key.digest):
        raise _unauthorized("This API key is unknown or revoked. Ask the operator for a new one.")
    if not ring.is_live(key):
        raise _unauthorized("This API key has expired. Ask the operator for a new one.")
    return key


async def _key_of_token(ring: KeyRing, token: str, job_id: str) -> KeyRecord:
    key_id = token_key_id(token)
    key = await ring.find(key_id) if key_id else None
    if key is None or not ring.is_live(key) or not verify_event_token(token, key, job_id, ring.now_ms()):
        raise _unauthorized(
            "The event token in this URL is invalid or expired. Get a new URL from the job's urls.events, or send an "
            "API key in the Authorization header and no token."
        )
    return key


def _sent_key(headers: Headers) -> ApiKey | None:
    sent = headers.getlist("authorization")
    match = _BEARER.fullmatch(sent[0].strip()) if len(sent) == 1 else None
    return parse_key(match[1]) if match else None


def _unauthorized(detail: str, *, sent: bool = True) -> ApiProblem:
    """RFC 6750, section 3: the challenge has an error code only if the request carried credentials."""
    challenge = 'Bearer realm="renderq"' + (', error="invalid_token"' if sent else "")
    return ApiProblem(ProblemKind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
