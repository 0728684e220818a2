"""Follow a job as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import contextlib
import re
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Depends
from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from renderq.contract import Job, ProblemKind
from renderq_api.answers import no_query
from renderq_api.following import News, follow
from renderq_api.ids import is_job_id
from renderq_api.openapi import answer_headers, header, problems
from renderq_api.problems import invalid, not_found
from renderq_api.representing import Links
from renderq_api.services import Services, Serving
from renderq_api.showing import links, show
from renderq_api.tenants import Caller, Calling
from renderq_api.waiting import HEARTBEAT_S, Found


async def _no_query_but_token(request: Request) -> None:
    """The token that opened the door is the one thing that this route's address may hold."""
    if not request.state.caller.by_token or len(request.query_params.multi_items()) > 1:
        await no_query(request)


router = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=[Depends(_no_query_but_token)])

MEDIA_TYPE = "text/event-stream"

RETRY_MS = 2_000
"""How long a client should wait before it connects again."""

_HEARTBEAT = format_sse_event(comment="heartbeat")

_HEADERS = {
    "Content-Type": MEDIA_TYPE,
    # A proxy that compresses or buffers would hold events back; X-Accel-Buffering is nginx's switch.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

_EXAMPLE = 'event: progress\ndata: {"id": "job_…", "status": "running", "version": 7, …}\nid: 7\n\n'


class EventStream(StreamingResponse):
    """Sends what `events` yields. Releases what it holds however it ends; a client that hangs up ends it at once."""

    media_type = MEDIA_TYPE

    # FastAPI's own EventSourceResponse is not for us: it starts before a 404 could be told, and puts two buffers and
    # two tasks between the job and the socket, where a slow client's events would grow old.

    def __init__(self, events: AsyncGenerator[bytes], held: contextlib.ExitStack) -> None:
        super().__init__(events, headers=_HEADERS)
        self._events = events
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            async with contextlib.aclosing(self._events):
                await super().__call__(scope, receive, send)


@router.get(
    "/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    summary="Follow a job",
    description="Server-sent events. The job as it is comes first, then every news, at last `done`. An event's data is "
    "the complete job, as `GET /v1/jobs/{id}` shows it, its `id` the job's version, its name what is new: `status`, "
    "`progress`, `output` (another picture) or `done`. A client that takes slowly gets the newest version only. "
    f"After {HEARTBEAT_S:.0f} s without news comes a comment. A stream that breaks off without `done` should be "
    "opened again.",
    responses={
        200: {
            "description": "The stream of events.",
            "headers": answer_headers(
                Cache_Control="Neither stored nor transformed.", X_Accel_Buffering="`no`: nginx passes events at once."
            ),
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
        },
        **problems(ProblemKind.NOT_FOUND, ProblemKind.STORAGE_UNAVAILABLE),
    },
    openapi_extra={
        "parameters": [
            header("Last-Event-ID", "The version seen last; it is not told again. `EventSource` sends it.", "7")
        ]
    },
)
async def events(job_id: str, request: Request, services: Serving, caller: Calling) -> Response:
    since = _version(request.headers.get("last-event-id"))

    async def read() -> Found | None:
        return await services.jobs.get(caller.tenant, job_id) if is_job_id(job_id) else None

    with contextlib.ExitStack() as held:
        watcher = held.enter_context(services.watching.watch(job_id))
        found = await read()
        if found is None:
            raise not_found("There is no such job.")
        news = follow(services.watching, watcher, read, found, since)
        return EventStream(_encoded(news, services, caller, links(request)), held.pop_all())


async def _encoded(
    news: AsyncGenerator[News | None], services: Services, caller: Caller, addresses: Links
) -> AsyncGenerator[bytes]:
    """The stream's bytes. The first go out at once, so that a client sees whether a proxy holds them back."""
    yield format_sse_event(retry=RETRY_MS)
    async with contextlib.aclosing(news):
        async for event in news:
            if not services.keys.admits(caller):
                return
            yield _HEARTBEAT if event is None else _event(event, await show(services, addresses, event.found))


def _event(news: News, job: Job) -> bytes:
    return format_sse_event(event=news.name, data_str=job.model_dump_json(), id=str(job.version))


def _version(last_event_id: str | None) -> int | None:
    """Raises `ApiProblem` for an id that none of our events can have had."""
    if last_event_id is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", last_event_id):
        raise invalid("The Last-Event-ID header is not valid: it takes the id of an event, a job's version.")
    return int(last_event_id)
