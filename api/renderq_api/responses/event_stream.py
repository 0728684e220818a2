"""Response with server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from fastapi.sse import format_sse_event
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from renderq_api.http.http_protocol import input_end
from renderq_api.openapi.responses import Responses, response_headers

MEDIA_TYPE = "text/event-stream"

RETRY_MS = 2_000
"""Delay before a client reconnects."""

HEARTBEAT = format_sse_event(comment="heartbeat")

_PROBE_S = 1.0
"""Delay between the two comments that find out whether a client that sends no more has hung up."""

_HEADERS = {
    "Content-Type": MEDIA_TYPE,
    # A proxy that compresses or buffers would delay events; X-Accel-Buffering turns nginx's buffering off.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


def event_responses(examples: dict[str, dict[str, str]]) -> Responses:
    """Return the successful response of a route with events, for the OpenAPI document."""
    return {
        200: {
            "description": "The stream of events.",
            "headers": response_headers(
                Cache_Control="`no-store, no-transform`.", X_Accel_Buffering="`no`: turns off buffering in nginx."
            ),
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "examples": examples}},
        }
    }


def head_response() -> Response:
    """Return the response to HEAD, which ends at once."""
    return StreamingResponse(iter(()), headers=_HEADERS)


class EventStream(StreamingResponse):
    """Sends the bytes of `events` and closes `resources` at the end; a disconnecting client ends it at once."""

    media_type = MEDIA_TYPE

    # Not FastAPI's EventSourceResponse: it starts before the handler can respond with 404, and has two buffers and two
    # tasks between the job and the socket, in which a slow client's events would become stale.

    def __init__(self, events: AsyncGenerator[bytes], resources: contextlib.ExitStack) -> None:
        super().__init__(events, headers=_HEADERS)
        self._events = events
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._resources:
            async with contextlib.aclosing(self._events):
                self._input_end = input_end(scope)
                await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        probe = asyncio.ensure_future(self._probe(send))
        try:
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        finally:
            probe.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _probe(self, send: Send) -> None:
        """Send two comments when the client sends no more: if it has hung up, the second one fails."""
        await self._input_end.wait()
        for _ in range(2):
            await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
            await asyncio.sleep(_PROBE_S)
