"""Stream of a job's images: previews of the first one while it is rendered, then every finished image."""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Literal

from fastapi.sse import format_sse_event
from pydantic import BaseModel
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from renderq_api.auth import Caller
from renderq_api.doors.job_end import job_end
from renderq_api.doors.job_run import DoorJob, abandon, response_headers, submit
from renderq_api.doors.openai.answer import Usage
from renderq_api.doors.openai.errors import REQUEST_ERROR_STATUS, error_body
from renderq_api.doors.openai.fields import ImageFields
from renderq_api.doors.output_images import read_image
from renderq_api.job_views.job_snapshot import JobSnapshot
from renderq_api.live import StreamEvent, stream_events
from renderq_api.responses.event_stream import HEARTBEAT, EventStream
from renderq_api.routes.job_lookup import require_job
from renderq_api.services import Services
from renderq_shared.errors import ObjectNotFound, ObjectStoreUnavailable
from renderq_shared.jobs import JobRecord, PreviewMessage
from renderq_shared.jobs.stored_results import decode_outputs

Kind = Literal["image_generation", "image_edit"]


class _Image(BaseModel):
    """Data of an event with an image."""

    type: str
    b64_json: str
    created_at: int
    size: str
    quality: str = "high"
    background: str = "opaque"
    output_format: str
    partial_image_index: int | None = None
    usage: Usage | None = None

    def encode(self) -> bytes:
        return format_sse_event(event=self.type, data_str=self.model_dump_json(exclude_none=True))


class _JobStream(EventStream):
    """Stream of a job that is abandoned when the stream ends before the job does."""

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        resources: contextlib.ExitStack,
        services: Services,
        job: DoorJob,
        record: JobRecord,
    ) -> None:
        super().__init__(events, resources)
        self._services, self._job, self._record = services, job, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await abandon(self._services, self._job, self._record)


async def stream_job(
    request: Request, services: Services, caller: Caller, fields: ImageFields, kind: Kind, job: DoorJob
) -> EventStream:
    """Submit a job and return the stream of its images. Raises as `run_job`, before the response begins."""
    record = await submit(request, services, caller, job)

    async def read() -> JobSnapshot | None:
        return await services.directory.find(caller.tenant, record.id)

    try:
        with contextlib.ExitStack() as resources:
            watcher = resources.enter_context(services.job_watchers.watch(record.id))
            if fields.partial_images:
                resources.enter_context(services.job_watchers.watch_previews(record.id, watcher))
            snapshot = require_job(await read())
            changes = stream_events(services.job_watchers, watcher, read, snapshot, None)
            events = _encode(changes, services, kind, fields.partial_images)
            response = _JobStream(events, resources.pop_all(), services, job, record)
    except BaseException:
        await abandon(services, job, record)
        raise
    response.headers.update(response_headers(request))
    return response


async def _encode(
    changes: AsyncGenerator[StreamEvent | PreviewMessage | None], services: Services, kind: Kind, partials: int
) -> AsyncGenerator[bytes]:
    sent, record = 0, None
    async with contextlib.aclosing(changes):
        async for change in changes:
            match change:
                case None:
                    yield HEARTBEAT
                case StreamEvent():
                    record = change.snapshot[0]
                case PreviewMessage(index=0):
                    preview = json.loads(change.preview_json)
                    due = partials_due(preview["step"], preview["steps"], partials)
                    if record and due > sent:
                        yield _partial_image(preview, record, kind, due - 1).encode()
                        sent = due
                case _:
                    pass
    if record is None:
        return
    if end := job_end(record, REQUEST_ERROR_STATUS):
        yield _error(end.status, end.message, end.code)
        return
    try:
        for output in decode_outputs(record.outputs_json):
            yield _Image(
                type=f"{kind}.completed",
                b64_json=await read_image(services, output),
                created_at=record.created_ms // 1000,
                size=f"{output.width}x{output.height}",
                output_format=output.content_type.removeprefix("image/"),
                usage=Usage(),
            ).encode()
    except ObjectNotFound:
        yield _error(404, "The image is no longer in the object store.", "not_found")
    except ObjectStoreUnavailable:
        yield _error(503, "The object store that holds the images is unavailable. Try again.", "storage_unavailable")


def partials_due(step: int, steps: int, partials: int) -> int:
    """Return how many of the partial images a preview after `step` of `steps` stands for.

    The partial images divide the steps evenly. A preview that comes late stands for several of them.
    """
    return min(step * (partials + 1) // steps, partials)


def _partial_image(preview: dict[str, str], record: JobRecord, kind: Kind, index: int) -> _Image:
    return _Image(
        type=f"{kind}.partial_image",
        b64_json=preview["data"],
        created_at=record.created_ms // 1000,
        size=f"{preview['width']}x{preview['height']}",
        output_format=preview["content_type"].removeprefix("image/"),
        partial_image_index=index,
    )


def _error(status: int, message: str, code: str) -> bytes:
    return format_sse_event(event="error", data_str=error_body(status, message, code, None).model_dump_json())
