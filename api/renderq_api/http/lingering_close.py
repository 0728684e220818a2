"""Lingering close: respond to a client that is still sending, then close the connection.

Closing a connection with unread data resets it, and the client may lose the response. So the server reads and discards
for a while before it closes: https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import asyncio
import contextlib
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

_BYTES = 64 << 20
_SECONDS = 10.0
"""Limits on the discarded data, after which the connection is closed anyway."""


class LingeringCloseResponse(Response):
    """Response with `Connection: close` that drains the request body before it ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_unfinished(message: Message) -> None:
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await super().__call__(scope, receive, send_unfinished)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await _drain(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def response_class(headers: Mapping[str, str]) -> type[Response]:
    """Return the class for a response with these headers."""
    return LingeringCloseResponse if headers.get("Connection") == "close" else Response


async def _drain(receive: Receive) -> None:
    remaining = _BYTES
    while remaining > 0:
        message = await receive()
        if not message.get("more_body", False):
            return
        remaining -= len(message["body"])
