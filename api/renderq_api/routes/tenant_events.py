"""Event stream route of a tenant: all its jobs, their places, and the load of the service."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Depends
from fastapi.sse import format_sse_event
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from renderq.contract import DeletedJob, ProblemKind, QueuePlaces, Stats
from renderq_api.auth import Caller, CallerDep
from renderq_api.http.problems import invalid
from renderq_api.http.public_address import base_url
from renderq_api.http.query import require_query
from renderq_api.job_views.job_view import UrlBuilder
from renderq_api.live import HEARTBEAT_S, Places, Ready, TenantUpdate, stream_tenant
from renderq_api.openapi.responses import problems
from renderq_api.responses.event_stream import HEARTBEAT, RETRY_MS, EventStream, event_responses, head_response
from renderq_api.responses.job_links import to_signed_job
from renderq_api.services import Services, ServicesDep
from renderq_shared.ids import is_job_id
from renderq_shared.jobs import JobRecord, PreviewMessage, commands
from renderq_shared.jobs.redis import Deletion

router = APIRouter(prefix="/v1/events", tags=["jobs"])

MAX_PREVIEWED_JOBS = 4

_SIGNED_ANEW_S = 60
"""Age of shared bytes of a job beyond which its image URLs are signed anew, so that they are valid for long enough."""

_EXAMPLES = {
    "ready": {"value": "event: ready\ndata: {}\n\n"},
    "job": {"value": 'event: job\ndata: {"id": "job_…", "status": "running", "version": 7, …}\n\n'},
    "gone": {"value": 'event: gone\ndata: {"id": "job_…"}\n\n'},
    "places": {"value": 'event: places\ndata: {"data": [{"id": "job_…", "queue_position": 3, …}]}\n\n'},
    "service": {"value": 'event: service\ndata: {"queued_jobs": 4, "running_jobs": 1, "workers": 1, …}\n\n'},
    "preview": {"value": 'event: preview\ndata: {"job": "job_…", "index": 0, "step": 12, "steps": 20, …}\n\n'},
}


@router.get(
    "",
    status_code=200,
    response_class=EventStream,
    summary="Stream the events of all your jobs",
    description="Server-sent events without ids: nothing is repeated after a reconnect. `ready` is first, and sent "
    "again whenever changes may have been missed: list your jobs then, and no change is lost. `job`: a complete `Job`, "
    "each time it changes, without `queue_position` and event token. `gone`: id of a deleted job. `places`: changed "
    "`QueuePlaces` of your first 100 queued jobs, and `service`: `Stats`, at most once a second each. A slow client "
    f"gets only the newest of each. A comment is sent after {HEARTBEAT_S:.0f} s without events. The stream ends when "
    "the service stops or the key is revoked.",
    responses={**event_responses(_EXAMPLES), **problems(ProblemKind.TOO_MANY_STREAMS)},
    openapi_extra={
        "parameters": [
            {
                "in": "query",
                "name": "previews",
                "description": f"Ids of up to {MAX_PREVIEWED_JOBS} of your jobs, separated by commas, whose previews "
                "(`JobPreview`) are sent while they run. Jobs that do not exist or have ended have none.",
                "schema": {"type": "string"},
                "example": "job_01m8563bxs7b4s8yve7cdp6k2z",
            }
        ]
    },
    dependencies=[Depends(require_query("previews"))],
)
async def stream_tenant_events(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    previewed = _previewed_jobs(request.query_params.get("previews"))
    with contextlib.ExitStack() as resources:
        resources.enter_context(services.metrics.open_streams.track_inprogress())
        watcher = resources.enter_context(services.tenant_watchers.watch(caller))
        if request.method == "HEAD":
            return head_response()
        for job_id in await _own_jobs(services, caller, previewed):
            resources.enter_context(services.job_watchers.watch_previews(job_id, watcher))
        events = _encode(stream_tenant(watcher), services, caller, UrlBuilder(base_url(request)))
        return EventStream(events, resources.pop_all())


async def _encode(
    updates: AsyncGenerator[TenantUpdate | None], services: Services, caller: Caller, urls: UrlBuilder
) -> AsyncGenerator[bytes]:
    """Yield the stream's bytes. The first line goes out at once, so that a client can detect a buffering proxy."""
    yield format_sse_event(retry=RETRY_MS)
    async with contextlib.aclosing(updates):
        async for update in updates:
            if not services.keys.admits(caller):
                return
            yield await _event(update, services, urls)


async def _event(update: TenantUpdate | None, services: Services, urls: UrlBuilder) -> bytes:
    match update:
        case None:
            return HEARTBEAT
        case Ready():
            return format_sse_event(event="ready", data_str="{}")
        case JobRecord():
            return await _job_event(update, services, urls)
        case Deletion():
            return _model_event("gone", DeletedJob(id=update.job_id))
        case Places():
            return _model_event("places", QueuePlaces(data=update.data))
        case Stats():
            return _model_event("service", update)
        case PreviewMessage():
            data = f'{{"job":"{update.job_id}",{update.preview_json[1:]}'
            return format_sse_event(event="preview", data_str=data)


async def _job_event(record: JobRecord, services: Services, urls: UrlBuilder) -> bytes:
    """Return a job's event, the same bytes for all streams of its tenant: encoding costs more than sending."""

    async def encode() -> bytes:
        return _model_event("job", await to_signed_job(services, urls, (record, None)))

    key = (urls.base, record.id, record.version, int(time.monotonic()) // _SIGNED_ANEW_S)
    return await services.job_events.get(key, encode)


def _model_event(name: str, model: BaseModel) -> bytes:
    return format_sse_event(event=name, data_str=model.model_dump_json())


def _previewed_jobs(text: str | None) -> list[str]:
    """Return the job ids of the query parameter `previews`. Raises `ApiProblem`."""
    ids = list(dict.fromkeys(text.split(","))) if text else []
    if len(ids) > MAX_PREVIEWED_JOBS or not all(map(is_job_id, ids)):
        raise invalid(f"previews must be up to {MAX_PREVIEWED_JOBS} job ids, separated by commas.")
    return ids


async def _own_jobs(services: Services, caller: Caller, job_ids: list[str]) -> list[str]:
    """Return the ids of jobs of the caller's tenant that may still run."""
    found = await asyncio.gather(*(services.jobs.call(commands.get_job(caller.tenant, each)) for each in job_ids))
    return [each[0].id for each in found if each and not each[0].status.is_terminal]
