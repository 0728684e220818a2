"""Follow a job as server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

import contextlib
import re
from collections.abc import AsyncGenerator

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from renderq.contract import Job, ProblemKind
from renderq_api.auth.caller import Caller, CallerDep
from renderq_api.http.problems import invalid, not_found
from renderq_api.job_views.ids import is_job_id
from renderq_api.job_views.job_view import UrlBuilder
from renderq_api.live.event_stream import StreamEvent, stream_events
from renderq_api.live.long_poll import HEARTBEAT_S, JobSnapshot
from renderq_api.openapi.document import header, problems, response_headers
from renderq_api.responses.job_links import to_signed_job, urls_for
from renderq_api.services import Services, ServicesDep
from renderq_shared.jobs import PreviewMessage, commands

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

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

_EXAMPLES = {
    "news": {"value": 'event: progress\ndata: {"id": "job_…", "status": "running", "version": 7, …}\nid: 7\n\n'},
    "preview": {"value": 'event: preview\ndata: {"index": 0, "step": 12, "steps": 20, …}\n\n'},
}


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
    "opened again. With `previews=true` there are also events `preview`, which have no `id` and of which the newest "
    "of each image is enough: their data is a `Preview`.",
    responses={
        200: {
            "description": "The stream of events.",
            "headers": response_headers(
                Cache_Control="Neither stored nor transformed.", X_Accel_Buffering="`no`: nginx passes events at once."
            ),
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "examples": _EXAMPLES}},
        },
        **problems(ProblemKind.NOT_FOUND, ProblemKind.STORAGE_UNAVAILABLE),
    },
    openapi_extra={
        "parameters": [
            header("Last-Event-ID", "The version seen last; it is not told again. `EventSource` sends it.", "7"),
            {
                "in": "query",
                "name": "previews",
                "description": "Whether to show what the images look like while they are made, at most twice a second.",
                "schema": {"type": "boolean", "default": False},
            },
        ]
    },
)
async def events(job_id: str, request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    since, wants_previews = _version(request.headers.get("last-event-id")), _wants_previews(request, caller)

    async def read() -> JobSnapshot | None:
        return await services.jobs.call(commands.get(caller.tenant, job_id)) if is_job_id(job_id) else None

    with contextlib.ExitStack() as held:
        watcher = held.enter_context(services.job_watchers.watch(job_id))
        found = await read()
        if found is None:
            raise not_found("There is no such job.")
        if wants_previews and not found[0].status.is_terminal:
            held.enter_context(services.job_watchers.watch_previews(job_id, watcher))
        news = stream_events(services.job_watchers, watcher, read, found, since)
        return EventStream(_encoded(news, services, caller, urls_for(request)), held.pop_all())


async def _encoded(
    news: AsyncGenerator[StreamEvent | PreviewMessage | None], services: Services, caller: Caller, urls: UrlBuilder
) -> AsyncGenerator[bytes]:
    """The stream's bytes. The first go out at once, so that a client sees whether a proxy holds them back."""
    yield format_sse_event(retry=RETRY_MS)
    async with contextlib.aclosing(news):
        async for event in news:
            if not services.keys.admits(caller):
                return
            match event:
                case None:
                    yield _HEARTBEAT
                case PreviewMessage():
                    yield format_sse_event(event="preview", data_str=event.preview_json)
                case StreamEvent():
                    yield _event(event, await to_signed_job(services, urls, event.snapshot))


def _event(news: StreamEvent, job: Job) -> bytes:
    return format_sse_event(event=news.name, data_str=job.model_dump_json(), id=str(job.version))


def _wants_previews(request: Request, caller: Caller) -> bool:
    """What the address asks for, beside holding the token that opened the door. Raises `ApiProblem`."""
    items = request.query_params.multi_items()
    given, known = dict(items), {"previews", "token"} if caller.via_token else {"previews"}
    if len(given) < len(items) or not given.keys() <= known or given.get("previews") not in {None, "true", "false"}:
        raise invalid("This route takes one query parameter, previews: previews=true or previews=false.")
    return given.get("previews") == "true"


def _version(last_event_id: str | None) -> int | None:
    """Raises `ApiProblem` for an id that none of our events can have had."""
    if last_event_id is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", last_event_id):
        raise invalid("The Last-Event-ID header is not valid: it takes the id of an event, a job's version.")
    return int(last_event_id)
