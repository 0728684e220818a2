"""Checks of a request's head: anything that two readers could understand differently is refused."""

import re
from collections.abc import Sequence

_HOST = re.compile(rb"(?:[A-Za-z0-9._~%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
"""`Host` as clients send it (RFC 9110, 7.2); without the punctuation that RFC 3986 allows and no host name has."""

_ABSOLUTE = re.compile(rb"(?P<scheme>https?)://(?P<host>[^/?#]+)(?P<rest>(?:[/?].*)?)", re.IGNORECASE | re.DOTALL)

_WHOLE_SERVER = b"*"
"""Target of `OPTIONS` for no path in particular (RFC 9112, 3.2.4)."""

_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}

_OTHER_VERSION = frozenset({"Invalid HTTP version", "Expected dot"})
"""Errors of the parser about versions of HTTP that it does not know, such as HTTP/3.0 and HTTP/2."""

_SINGLE = (b"content-type", b"origin")
"""Headers that decide whether a request is accepted, and whose last value another reader could take."""


class RequestRefused(ValueError):
    """A request that cannot be read. The reason says what is wrong, and what to send instead."""

    def __init__(self, reason: str, status: str = "400 Bad Request") -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


def check_head(method: bytes, version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check what the parser leaves open (RFC 9112, 3.2 and 6.1). Header names are in lower case.

    Raises `RequestRefused`.
    """
    if version not in {"1.0", "1.1"}:
        raise _unsupported_version(f"HTTP/{version}")
    _check_transfer_encoding(version, [value for name, value in headers if name == b"transfer-encoding"])
    for single in _SINGLE:
        if sum(name == single for name, _ in headers) > 1:
            raise RequestRefused(f"the request has several {single.decode().title()} headers; send one")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise RequestRefused(f"the request has {len(hosts) or 'no'} Host headers; send one")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise RequestRefused("the Host header is not a host name or address with an optional port")
    if b"#" in target:
        raise RequestRefused("the request target has a fragment; leave out # and what follows")
    if not target.startswith(b"/") and (method, target) != (b"OPTIONS", _WHOLE_SERVER):
        _check_absolute(target, hosts)


def origin_form(target: bytes) -> bytes:
    """Return path and query of a checked target. An empty path is `/` (RFC 9110, 4.2.3), and so is `*` here."""
    if target == _WHOLE_SERVER:
        return b"/"
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        return target
    return match["rest"] if match["rest"].startswith(b"/") else b"/" + match["rest"]


def refusal_of(error: Exception) -> RequestRefused:
    """Return why a request cannot be read: our own reason, or the parser's."""
    if isinstance(error.__context__, RequestRefused):
        return error.__context__
    if str(error) in _OTHER_VERSION:
        return _unsupported_version("this version of HTTP")
    return RequestRefused(f"the request is not valid HTTP: {error}")


def _unsupported_version(version: str) -> RequestRefused:
    return RequestRefused(f"{version} is not supported; send HTTP/1.1", "505 HTTP Version Not Supported")


def _check_transfer_encoding(version: str, values: Sequence[bytes]) -> None:
    if not values:
        return
    if version == "1.0":
        raise RequestRefused("HTTP/1.0 has no Transfer-Encoding; send a Content-Length, or HTTP/1.1")
    if [value.strip().lower() for value in values] != [b"chunked"]:
        raise RequestRefused("the only supported Transfer-Encoding is chunked", "501 Not Implemented")


def _check_absolute(target: bytes, hosts: Sequence[bytes]) -> None:
    """Require the absolute form of a URL on the host that the `Host` header names."""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise RequestRefused("the request target must be a path that starts with /, or an http or https URL")
    default_port = _DEFAULT_PORTS[match["scheme"].lower()]
    names = {host.lower().removesuffix(default_port).removesuffix(b":") for host in (match["host"], *hosts)}
    if len(names) > 1:
        raise RequestRefused("the request target and the Host header name different hosts")
