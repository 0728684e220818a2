"""Address of the service as the client of a request knows it.

`RENDERQ_PUBLIC_URL` if that is set, else the request's own host, corrected by the headers of trusted proxies. Every
address that a response contains starts with it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import URL, Headers
from starlette.requests import Request
from starlette.types import Scope

from renderq_api.http.forwarded_headers import ForwardedHeaders, IpAddress, parse_address, read_forwarded
from renderq_shared.settings import IpNetwork, is_path_prefix

_DEFAULT_PORTS = frozenset({80, 443})
"""Not taken from `X-Forwarded-Port`: a proxy behind another one that terminates TLS sends 80 for an https address."""


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """What proxies in front of the service change about a request."""

    base_url: str
    """Absolute, with path prefix and trailing slash."""
    prefix: str
    """Path of `base_url` without trailing slash: empty, or `/PREFIX`."""
    client: str | None
    """IP address of the client; `None` if a trusted proxy does not reveal it."""


def public_address(scope: Scope, public_url: str | None, trusted: Sequence[IpNetwork]) -> PublicAddress:
    """Return the address of a request. `public_url`: without trailing slash. Never raises."""
    peer = parse_address(scope["client"][0]) if scope.get("client") else None
    forwarded, hops, client = ForwardedHeaders(), 0, peer
    if _is_trusted(peer, trusted):
        forwarded = read_forwarded(Headers(scope=scope))
        hops, client = _trusted_hops(peer, forwarded.addresses, trusted)
    base = public_url or _base_url(scope, forwarded, hops)
    return PublicAddress(f"{base}/", URL(base).path, str(client) if client else None)


def base_url(request: Request) -> str:
    """Return the service's address for the client of this request, with a trailing slash."""
    return request.state.public_address.base_url


def path_prefix(request: Request) -> str:
    """Return the path prefix of `base_url`: empty, or `/PREFIX`."""
    return request.state.public_address.prefix


def public_path(request: Request) -> str:
    """Return the request's path as its client knows it."""
    return path_prefix(request) + request.url.path


def _is_trusted(address: IpAddress | None, trusted: Sequence[IpNetwork]) -> bool:
    return address is not None and any(address in network for network in trusted)


def _trusted_hops(
    peer: IpAddress | None, addresses: Sequence[IpAddress | None], trusted: Sequence[IpNetwork]
) -> tuple[int, IpAddress | None]:
    """Return how many proxies in a row are ours, beginning with the peer, and the client of the outermost one."""
    chain = (peer, *reversed(addresses))
    hops = next((index for index, address in enumerate(chain) if not _is_trusted(address, trusted)), len(chain) - 1)
    return max(1, hops), chain[hops]


def _base_url(scope: Scope, forwarded: ForwardedHeaders, hops: int) -> str:
    """Return scheme, host, port and path prefix. Malformed values are ignored."""
    scheme = _outermost(forwarded.schemes, hops).lower()
    own = {**scope, "type": "http", "path": "", "query_string": b"", "root_path": ""}
    if scheme in {"http", "https"}:
        own["scheme"] = scheme
    url = URL(scope=own)
    host = _outermost(forwarded.hosts, hops)
    if host and (named := URL(scope={**own, "server": None, "headers": [(b"host", host.encode())]})).netloc:
        url = named
    port = _port(_outermost(forwarded.ports, hops))
    if port is not None and url.port is None:
        url = url.replace(port=port)
    return str(url) + _prefix(forwarded.prefixes, hops)


def _outermost(values: Sequence[str], hops: int) -> str:
    """Return the value of the outermost of our proxies; each one appends a value, or overwrites the only one."""
    return values[-min(hops, len(values))] if values else ""


def _port(text: str) -> int | None:
    port = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0
    return port if 0 < port <= 65_535 and port not in _DEFAULT_PORTS else None


def _prefix(values: Sequence[str], hops: int) -> str:
    """Return the prefixes that our proxies have removed, joined: the outermost one's comes first."""
    prefix = "".join(value.rstrip("/") for value in values[-hops:])
    return prefix if is_path_prefix(prefix) else ""
