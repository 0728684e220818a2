"""An answer to a client that is still sending: it gets the answer, and then the connection ends.

A server that closes a connection while data comes in resets it, and the client may never read what it was told; so it
goes on to read for a while, and throws away: https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import asyncio
import contextlib

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

_BYTES = 64 << 20
_SECONDS = 10.0
"""Whoever sends more, or for longer, is cut off."""


class LingeringCloseResponse(Response):
    """To be sent with `Connection: close`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_but_the_end(message: Message) -> None:
            await send({**message, "more_body": True} if message["type"] == "http.response.body" else message)

        await super().__call__(scope, receive, send_but_the_end)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                await _read_to_the_end(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_to_the_end(receive: Receive) -> None:
    left = _BYTES
    while left > 0:
        message = await receive()
        if not message.get("more_body", False):
            return
        left -= len(message["body"])
