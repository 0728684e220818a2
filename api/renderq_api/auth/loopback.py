"""Loopback check: a server without keys serves only this machine, and no web page open in its browsers.

Listening on loopback is not enough. Any web page can send requests to 127.0.0.1, and a host name that resolves to
127.0.0.1 (DNS rebinding) even lets it read the responses. The `Origin` header reveals the former, the `Host` header
the latter. Cross-site requests without `Origin` are GETs, whose responses the browser hides. Cross-site forms, which
POST /v1/assets accepts, carry `Origin` in every browser since 2020. POST /v1/jobs accepts only application/json, which
needs a CORS preflight that we never allow. A reverse proxy on this machine may send 127.0.0.1 as `Host`; it names the
client in `X-Forwarded-For` or `Forwarded`.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from renderq_api.http.forwarded_headers import claimed_addresses

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]{0,5})?")


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address, without port, always means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_host_header(value: str) -> bool:
    """Return whether a `Host` header, with or without port, names this machine."""
    match = _HOST.fullmatch(value)
    return match is not None and is_loopback(match["v6"] or match["name"])


def is_loopback_origin(value: str) -> bool:
    """Return whether an `Origin` header names a page served by this machine."""
    try:
        return is_loopback(urlsplit(value).hostname or "")
    except ValueError:
        return False


def loopback_refusal(headers: Headers) -> str | None:
    """Return why a request without a key is rejected; `None` if it is allowed."""
    if not is_loopback_host_header(headers.get("host", "")):
        return (
            "Without API keys, this server accepts only requests to localhost, 127.0.0.1 or [::1]; "
            "the Host header names another host. The operator creates keys with `renderq keys create`."
        )
    if not all(address and address.is_loopback for address in claimed_addresses(headers)):
        return (
            "Without API keys, this server accepts only requests of this machine; a proxy forwarded this one for "
            "another. The operator creates keys with `renderq keys create`."
        )
    origin = headers.get("origin")
    if origin is not None and not is_loopback_origin(origin):
        return "Without API keys, this server rejects requests from pages of other sites."
    return None
