"""Authentication and rate limiting of every request.

Without keys, every request to a loopback host is admitted. With keys, every route needs one except those listed here
and the web page. Health checks are always admitted.
"""

import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renderq.contract import ProblemKind
from renderq_api.auth import (
    KEYLESS,
    Caller,
    EventTokens,
    KeyRing,
    RateLimitState,
    basic_key,
    cross_site_refusal,
    is_basic,
    loopback_refusal,
    token_key_id,
)
from renderq_api.http.problems import ApiProblem, problem_response, redis_unavailable
from renderq_api.http.public_address import base_url
from renderq_api.services import Services
from renderq_shared.access import ApiKey, KeyRecord, Role, parse_key
from renderq_shared.errors import StoreUnavailable

_HEALTH = frozenset({"/healthz", "/readyz"})
"""Routes for probes, which may send any `Host` or none."""

_OPEN = _HEALTH | {"/openapi.json", "/v1/visitors"}
"""Routes that reveal nothing about any tenant."""

_SIGNED = "/v1/files/"
"""Prefix of signed URLs, which need no key."""

_EVENTS = re.compile(r"/v1/jobs/([^/]+)/events")

_UNKNOWN = "This API key is unknown or revoked. Ask the operator for a new one."
_UNKNOWN_ON_DEMO = (
    "This API key is unknown or revoked, or was that of a visitor and has expired. POST /v1/visitors gives a visitor a "
    "new one; ask the operator for any other."
)
_EXPIRED = "This API key has expired. Ask the operator for a new one."
_VISIT_ENDED = "This visitor's API key has expired, and its jobs are deleted. POST /v1/visitors gives a new one."

_BEARER = re.compile(r"bearer +([^\s,]+)", re.IGNORECASE)


class AuthenticationMiddleware:
    """ASGI middleware that sets the request's caller, or rejects the request."""

    def __init__(self, app: ASGIApp, is_page: Callable[[str], bool]) -> None:
        """`is_page`: whether a path is one of the web page, which needs no key."""
        self._app = app
        self._is_page = is_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, services = Request(scope), scope["app"].state.services
        try:
            caller = await self._identify(request, services)
            rate = await _check_rate(services, caller)
        except (ApiProblem, StoreUnavailable) as error:
            problem = error if isinstance(error, ApiProblem) else redis_unavailable(error)
            await problem_response(request, problem)(scope, receive, send)
        else:
            scope["state"]["caller"] = caller
            await self._app(scope, receive, _with_headers(send, rate.headers) if rate else send)

    async def _identify(self, request: Request, services: Services) -> Caller | None:
        """Return the caller; `None` for an open route. Raises `ApiProblem` and `StoreUnavailable`."""
        path: str = request.scope["path"]
        if path in _HEALTH:
            return None
        is_open = path in _OPEN or path.startswith(_SIGNED) or self._is_page(path)
        caller = await identify(
            request, services.keys, services.event_tokens, is_open=is_open, is_demo=services.visitors.is_enabled
        )
        if caller and caller.is_visitor and not services.visitors.is_enabled:
            raise _unauthorized("This service no longer has visitors. Ask the operator for a key.")
        return caller


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


async def identify(
    request: Request, ring: KeyRing, event_tokens: EventTokens, *, is_open: bool, is_demo: bool
) -> Caller | None:
    """Return the caller; `None` for an open route, if keys are required. Raises `ApiProblem` and `StoreUnavailable`."""
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
    events = _EVENTS.fullmatch(request.scope["path"])
    token = request.query_params.get("token") if events else None
    if events and token is not None:
        key = await _key_of_token(ring, event_tokens, token, events[1])
    else:
        key = await _key_of_header(ring, request, is_demo=is_demo)
    ring.record_use(key)
    return Caller(key.tenant, key.role, key, via_token=token is not None)


async def _key_of_header(ring: KeyRing, request: Request, *, is_demo: bool) -> KeyRecord:
    headers = request.headers
    if "authorization" not in headers:
        raise _unauthorized(
            "This service requires an API key. Send the header `Authorization: Bearer rq_…`, or the key as the user "
            "name or password of `Basic` credentials. The operator creates keys with `renderq keys create`.",
            sent=False,
        )
    sent = _sent_key(headers)
    if sent is None:
        raise _unauthorized(
            "The Authorization header has no valid API key. Send `Bearer`, a space and the key, which starts with rq_; "
            "or `Basic` credentials whose user name or password it is. The key may be truncated or mistyped."
        )
    if is_basic(headers) and (refusal := cross_site_refusal(headers, base_url(request))):
        raise ApiProblem(ProblemKind.FORBIDDEN, refusal)
    key = await ring.find(sent.id)
    if key is None or key.revoked_ms is not None or not sent.matches(key.digest):
        raise _unauthorized(_UNKNOWN_ON_DEMO if is_demo else _UNKNOWN)
    if not ring.is_live(key):
        raise _unauthorized(_VISIT_ENDED if key.role is Role.VISITOR else _EXPIRED)
    return key


async def _key_of_token(ring: KeyRing, event_tokens: EventTokens, token: str, job_id: str) -> KeyRecord:
    key_id = token_key_id(token)
    key = await ring.find(key_id) if key_id else None
    if key is None or not ring.is_live(key) or not event_tokens.verify(token, key, job_id, ring.now_ms()):
        raise _unauthorized(
            "The event token in this URL is invalid or expired. Get a new URL from the job's urls.events, or send an "
            "API key in the Authorization header and no token."
        )
    return key


def _sent_key(headers: Headers) -> ApiKey | None:
    sent = headers.getlist("authorization")
    if len(sent) != 1:
        return None
    if bearer := _BEARER.fullmatch(sent[0].strip()):
        return parse_key(bearer[1])
    return basic_key(sent[0])


def _unauthorized(detail: str, *, sent: bool = True) -> ApiProblem:
    """RFC 6750, section 3: the challenge has an error code only if the request carried credentials."""
    challenge = 'Bearer realm="renderq"' + (', error="invalid_token"' if sent else "")
    return ApiProblem(ProblemKind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
