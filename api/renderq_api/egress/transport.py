"""SSRF-safe httpx2 transport: resolves a host name once and connects to exactly the checked address."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import structlog

from renderq_api.egress.address_policy import Address, AllowedNetworks, EgressDenied, check_port, checked_addresses
from renderq_api.egress.resolver import Resolver

log = structlog.get_logger(__name__)

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""Host name and port → addresses, the preferred one first."""

_MAX_ADDRESSES = 4
"""Addresses of one host name that are tried."""

_PORTS = {"http": 80, "https": 443}


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Checks every request. Follows no redirects and uses no proxies; use it with `trust_env=False`.

    The request goes to the checked address itself, so a second DNS lookup cannot redirect it (DNS rebinding); `Host`,
    SNI and the certificate check keep the host name. Each request opens its own connection, so a connection opened
    for another name on the same address is never reused. Raises `EgressDenied` before anything is sent, and httpx2's
    errors.
    """

    def __init__(
        self, allowed: AllowedNetworks, tls: ssl.SSLContext | None = None, resolve: Resolve | None = None
    ) -> None:
        self._allowed = allowed
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)
        self._resolve = resolve or Resolver()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme not in _PORTS:
            raise EgressDenied("only http and https URLs are allowed")
        host, port = request.url.raw_host.decode("ascii"), request.url.port or _PORTS[request.url.scheme]
        check_port(port)
        addresses = self._checked(host, await self._resolve(host, port))
        for address in addresses[:-1]:
            try:
                return await self._send(request, host, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send(request, host, addresses[-1])

    def _checked(self, host: str, resolved: list[Address]) -> tuple[Address, ...]:
        try:
            return checked_addresses(resolved, self._allowed)[:_MAX_ADDRESSES]
        except EgressDenied:
            log.warning("egress.denied", host=host, addresses=[str(address) for address in resolved])
            raise

    async def _send(self, request: httpx2.Request, host: str, address: Address) -> httpx2.Response:
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
        )
        connection = httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        try:
            response = await connection.handle_async_request(pinned)
        except BaseException:
            await connection.aclose()
            raise
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_OwnConnection(response, connection),
            extensions=response.extensions,
        )


class _OwnConnection(httpx2.AsyncByteStream):
    """Response body that closes its connection."""

    def __init__(self, response: httpx2.Response, connection: httpx2.AsyncHTTPTransport) -> None:
        self._response, self._connection = response, connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._connection.aclose()
