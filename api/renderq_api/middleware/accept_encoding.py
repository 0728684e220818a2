"""`Accept-Encoding` header (RFC 9110, section 12.5.3), reduced to what the service offers: `gzip`, or nothing.

Starlette and the routes of the web page look for the word gzip, which `gzip;q=0` contains, too.
"""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_NAME = b"accept-encoding"

_GZIP = re.compile(r"(?:x-)?gzip(?:\s*+;\s*+q\s*+=\s*+(?P<weight>[01](?:\.[0-9]{0,3})?))?", re.IGNORECASE)


class AcceptEncodingMiddleware:
    """ASGI middleware that leaves `Accept-Encoding: gzip` to clients that accept it, and no such header to others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sent = Headers(scope=scope).getlist("accept-encoding")
            others = [header for header in scope["headers"] if header[0] != _NAME]
            scope["headers"] = [*others, (_NAME, b"gzip")] if _accepts_gzip(sent) else others
        await self._app(scope, receive, send)


def _accepts_gzip(headers: Sequence[str]) -> bool:
    """Return whether `Accept-Encoding` headers name gzip with a weight above 0."""
    named = [match for part in ",".join(headers).split(",") if (match := _GZIP.fullmatch(part.strip()))]
    return any(float(match["weight"] or 1) > 0 for match in named)
