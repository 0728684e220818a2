"""Public address of every request: what proxies in front of the service change about it."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from renderq_api.http.public_address import public_address
from renderq_shared.settings import IpNetwork


class PublicAddressMiddleware:
    """ASGI middleware that sets the request's address and client, and removes a path prefix that the proxy left."""

    def __init__(self, app: ASGIApp, public_url: str | None, trusted_proxies: Sequence[IpNetwork]) -> None:
        self._app = app
        self._public_url = public_url
        self._trusted_proxies = trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            address = public_address(scope, self._public_url, self._trusted_proxies)
            scope.setdefault("state", {})["public_address"] = address
            scope["client"] = (address.client, 0) if address.client else None
            if address.prefix and f"{scope['path']}/".startswith(f"{address.prefix}/"):
                scope["path"] = scope["path"].removeprefix(address.prefix) or "/"
                scope["raw_path"] = scope["raw_path"].removeprefix(address.prefix.encode()) or b"/"
        await self._app(scope, receive, send)
