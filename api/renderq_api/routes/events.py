"""Event stream route of a job."""

import contextlib
import re
from collections.abc import AsyncGenerator

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import Job, ProblemKind
from renderq_api.auth import Caller, CallerDep
from renderq_api.http.problems import invalid
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.job_views.job_view import UrlBuilder
from renderq_api.live import HEARTBEAT_S, StreamEvent, stream_events
from renderq_api.openapi.parameters import header
from renderq_api.openapi.responses import problems
from renderq_api.responses.event_stream import HEARTBEAT, RETRY_MS, EventStream, event_responses, head_response
from renderq_api.responses.job_links import to_signed_job, urls_for
from renderq_api.routes.job_lookup import JobIdDep, require_job
from renderq_api.services import Services, ServicesDep
from renderq_shared.jobs import PreviewMessage

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_EXAMPLES = {
    "progress": {"value": 'event: progress\ndata: {"id": "job_…", "status": "running", "version": 7, …}\nid: 7\n\n'},
    "preview": {"value": 'event: preview\ndata: {"index": 0, "step": 12, "steps": 20, …}\n\n'},
}


@router.get(
    "/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    summary="Stream a job's events",
    description="Server-sent events: first the current state of the job, then every change, finally `done`. The data "
    "of an event is the complete job, as in `GET /v1/jobs/{id}`; its `id` is the job's version; its name says what "
    "changed: `status`, `progress`, `output` (an image is finished) or `done`. A slow client gets only the newest "
    f"version. A comment is sent after {HEARTBEAT_S:.0f} s without events. Reconnect if the stream ends without "
    "`done`. With `previews=true`, `preview` events are sent, too: they have no `id`, their data is a `Preview`, and "
    "only the newest of each image matters.",
    responses={
        **event_responses(_EXAMPLES),
        **problems(ProblemKind.NOT_FOUND, ProblemKind.HISTORY_UNAVAILABLE, ProblemKind.STORAGE_UNAVAILABLE),
    },
    openapi_extra={
        "parameters": [
            header("Last-Event-ID", "Last version received; it is not sent again. `EventSource` sends it.", "7"),
            {
                "in": "query",
                "name": "previews",
                "description": "Send previews of the images during rendering, at most two per second.",
                "schema": {"type": "boolean", "default": False},
            },
        ]
    },
)
async def stream_job_events(job_id: JobIdDep, request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    since, wants_previews = _version(request.headers.get("last-event-id")), _wants_previews(request, caller)

    async def read() -> JobSnapshot | None:
        return await services.directory.find(caller.tenant, job_id)

    with contextlib.ExitStack() as resources:
        resources.enter_context(services.metrics.open_streams.track_inprogress())
        watcher = resources.enter_context(services.job_watchers.watch(job_id))
        snapshot = require_job(await read())
        if request.method == "HEAD":
            return head_response()
        await to_signed_job(services, urls_for(request), snapshot)  # raises before the response has begun
        if wants_previews and not snapshot[0].status.is_terminal:
            resources.enter_context(services.job_watchers.watch_previews(job_id, watcher))
        events = stream_events(services.job_watchers, watcher, read, snapshot, since)
        return EventStream(_encode(events, services, caller, urls_for(request)), resources.pop_all())


async def _encode(
    events: AsyncGenerator[StreamEvent | PreviewMessage | None], services: Services, caller: Caller, urls: UrlBuilder
) -> AsyncGenerator[bytes]:
    """Yield the stream's bytes. The first line goes out at once, so that a client can detect a buffering proxy."""
    yield format_sse_event(retry=RETRY_MS)
    async with contextlib.aclosing(events):
        async for event in events:
            if not services.keys.admits(caller):
                return
            match event:
                case None:
                    yield HEARTBEAT
                case PreviewMessage():
                    yield format_sse_event(event="preview", data_str=event.preview_json)
                case StreamEvent():
                    yield _event(event, await to_signed_job(services, urls, event.snapshot))


def _event(event: StreamEvent, job: Job) -> bytes:
    return format_sse_event(event=event.name, data_str=job.model_dump_json(), id=str(job.version))


def _wants_previews(request: Request, caller: Caller) -> bool:
    """Return the query parameter `previews`. Raises `ApiProblem` for other parameters, except the caller's token."""
    items = request.query_params.multi_items()
    query, known = dict(items), {"previews", "token"} if caller.via_token else {"previews"}
    if len(query) < len(items) or not query.keys() <= known or query.get("previews") not in {None, "true", "false"}:
        raise invalid("This route takes only the query parameter previews: previews=true or previews=false.")
    return query.get("previews") == "true"


def _version(last_event_id: str | None) -> int | None:
    """Parse `Last-Event-ID`, in which an empty id is none. Raises `ApiProblem` for an id that no event can have."""
    if not last_event_id:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", last_event_id):
        raise invalid("The Last-Event-ID header is not valid. Send the id of an event, which is the job's version.")
    return int(last_event_id)
