"""A server without keys serves this machine alone, and no web page that is open on it.

Listening on loopback is not enough. A page on any site may send requests to 127.0.0.1, and a name that its owner
points at 127.0.0.1 (DNS rebinding) even lets it read the answers. Both give themselves away: the one by its `Origin`,
the other by its `Host`. What a browser sends across sites without an `Origin` are GETs, whose answers it hides. Forms,
as POST /v1/assets takes them, have had one in every browser since 2020; and POST /v1/jobs takes only application/json,
which no page may send across sites without a permission that we never give.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without port, can only mean this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_host_header(value: str) -> bool:
    match = _HOST.fullmatch(value)
    return match is not None and is_loopback(match["v6"] or match["name"])


def is_loopback_origin(value: str) -> bool:
    try:
        return is_loopback(urlsplit(value).hostname or "")
    except ValueError:
        return False


def loopback_refusal(headers: Headers) -> str | None:
    """Why a request that proves nothing is not answered; `None` if it is."""
    if not is_loopback_host_header(headers.get("host", "")):
        return (
            "Without keys this server answers only requests to localhost, 127.0.0.1 or [::1]; "
            "the Host header names something else."
        )
    origin = headers.get("origin")
    if origin is not None and not is_loopback_origin(origin):
        return "Without keys this server answers no request from a page of another site."
    return None
