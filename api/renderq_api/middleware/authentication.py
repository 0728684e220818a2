"""Before every request: who asks, and may they?

Without keys, whoever reaches this machine's own name. With keys, whoever has one; and everything needs one but what is
named here.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renderq.contract import ProblemKind
from renderq_api.auth.caller import KEYLESS, Caller
from renderq_api.auth.event_tokens import token_key_id, verify_event_token
from renderq_api.auth.key_ring import KeyRing
from renderq_api.auth.loopback import loopback_refusal
from renderq_api.auth.rate_limits import RateLimitState
from renderq_api.http.problems import ApiProblem, problem_response, redis_unavailable
from renderq_api.services import Services
from renderq_shared.access import ApiKey, KeyRecord, parse_key
from renderq_shared.errors import StoreUnavailable

_OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
"""They tell nothing about anybody."""

_SIGNED = "/v1/files/"
"""Addresses below it carry their own proof."""

_EVENTS = re.compile(r"/v1/jobs/([^/]+)/events")

_BEARER = re.compile(r"bearer +([^\s,]+)", re.IGNORECASE)


class AuthenticationMiddleware:
    """ASGI middleware that finds the caller for the routes, or refuses the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, services = Request(scope), scope["app"].state.services
        try:
            caller = await identify(request, services.keys)
            spent = await _check_rate(services, caller)
        except (ApiProblem, StoreUnavailable) as error:
            problem = error if isinstance(error, ApiProblem) else redis_unavailable()
            await problem_response(request, problem)(scope, receive, send)
        else:
            scope["state"]["caller"] = caller
            await self._app(scope, receive, _with_headers(send, spent.headers) if spent else send)


async def _check_rate(services: Services, caller: Caller | None) -> RateLimitState | None:
    """What a request leaves of its key's rate, if the key has one. Raises `ApiProblem` and `StoreUnavailable`."""
    key = caller and caller.key
    if key is None or key.requests_per_minute is None:
        return None
    spent = await services.rate_limits.hit(key.id, key.requests_per_minute, services.keys.now_ms())
    if spent.is_exceeded:
        detail = f"This key may make {spent.limit} requests in a minute; the next begins in {spent.resets_s} s."
        headers = {**spent.headers, "Retry-After": str(spent.resets_s)}
        raise ApiProblem(ProblemKind.RATE_LIMITED, detail, headers=headers)
    return spent


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers


async def identify(request: Request, ring: KeyRing) -> Caller | None:
    """Who asks; `None` where everybody may ask. Raises `ApiProblem` and `StoreUnavailable`."""
    path: str = request.scope["path"]
    is_open = path in _OPEN or path.startswith(_SIGNED)
    if not is_open:
        await ring.ensure_fresh()
    if not ring.required and _sent_key(request.headers) is not None:
        await ring.read()  # whoever has a key knows more than we do
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
            "This service needs an API key: send the header `Authorization: Bearer rq_…`. Its operator makes one with "
            "`renderq keys create`.",
            given=False,
        )
    sent = _sent_key(headers)
    if sent is None:
        raise _unauthorized(
            "The Authorization header holds no API key: it takes `Bearer`, a space and the key, which begins with rq_. "
            "Perhaps it was cut off or mistyped."
        )
    key = await ring.find(sent.id)
    if key is None or key.revoked_ms is not None or not sent.matches(key.digest):
        raise _unauthorized("This API key is not known here, or it was revoked. Ask the operator for another one.")
    if not ring.is_live(key):
        raise _unauthorized("This API key has expired. Ask the operator for another one.")
    return key


async def _key_of_token(ring: KeyRing, token: str, job_id: str) -> KeyRecord:
    key_id = token_key_id(token)
    key = await ring.find(key_id) if key_id else None
    if key is None or not ring.is_live(key) or not verify_event_token(token, key, job_id, ring.now_ms()):
        raise _unauthorized(
            "The token in this address does not open these events, or not any more. Take a fresh address from the "
            "job's urls.events, or send an API key in the Authorization header and no token."
        )
    return key


def _sent_key(headers: Headers) -> ApiKey | None:
    sent = headers.getlist("authorization")
    match = _BEARER.fullmatch(sent[0].strip()) if len(sent) == 1 else None
    return parse_key(match[1]) if match else None


def _unauthorized(detail: str, *, given: bool = True) -> ApiProblem:
    """RFC 6750, 3: what was wrong is told only to those who tried."""
    challenge = 'Bearer realm="renderq"' + (', error="invalid_token"' if given else "")
    return ApiProblem(ProblemKind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
