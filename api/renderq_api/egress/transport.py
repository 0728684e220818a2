"""An httpx2 transport that looks a name up once and connects to exactly the address that was judged."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import structlog

from renderq_api.egress.addresses import Address, AllowedNetworks, EgressDenied, check_port, checked_addresses
from renderq_api.egress.resolver import Resolver

log = structlog.get_logger(__name__)

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""Host name, port → addresses, the preferred one first."""

_ADDRESSES_MAX = 4
"""Addresses of one name that are tried before giving up."""

_PORTS = {"http": 80, "https": 443}


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Judges every request anew. Follows no redirects and knows no proxies; to be used with `trust_env=False`.

    The request goes to the judged address itself, so no second lookup can lead elsewhere; `Host`, SNI and the
    certificate check keep the name. Each request has a connection of its own: one that was opened for another name
    on the same address is never taken. Raises `EgressDenied` before anything is sent, and httpx2's errors.
    """

    def __init__(
        self, allowed: AllowedNetworks, tls: ssl.SSLContext | None = None, resolve: Resolve | None = None
    ) -> None:
        self._allowed = allowed
        self._tls = tls or httpx2.create_ssl_context(trust_env=False)
        self._resolve = resolve or Resolver()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.scheme not in _PORTS:
            raise EgressDenied("only http and https addresses can be reached")
        host, port = request.url.raw_host.decode("ascii"), request.url.port or _PORTS[request.url.scheme]
        check_port(port)
        addresses = self._checked(host, await self._resolve(host, port))
        for address in addresses[:-1]:
            try:
                return await self._send(request, host, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send(request, host, addresses[-1])

    def _checked(self, host: str, found: list[Address]) -> tuple[Address, ...]:
        try:
            return checked_addresses(found, self._allowed)[:_ADDRESSES_MAX]
        except EgressDenied:
            log.warning("outgoing_refused", host=host, addresses=[str(each) for each in found])
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
    """A body that closes its connection."""

    def __init__(self, response: httpx2.Response, connection: httpx2.AsyncHTTPTransport) -> None:
        self._response, self._connection = response, connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._connection.aclose()
