"""Event stream of a job, resumed after every disconnect until the job has ended."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard, get_args

import httpx2

from renderq._config import Configuration
from renderq._core.event_stream import read_events
from renderq._core.flows import Flow
from renderq._core.requests import Request, stream_job_events
from renderq._core.retries import Retries
from renderq._core.sse import ServerSentEvent
from renderq._headers import is_header_value
from renderq.contract import EventName, Job, Preview


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A change of a job."""

    name: EventName
    """Kind of change: `status` (also the first event), `progress`, `output` (a finished image), `preview` (if
    requested); `done` is the last."""
    job: Job
    """The complete job; in a `preview`, as of the previous event."""
    preview: Preview | None = None
    """The image in progress, in a `preview`."""


class _JobEvents:
    """`EventReader` of a job."""

    def __init__(self, job_id: str, emit: Callable[[JobEvent], None], *, previews: bool) -> None:
        self._job_id = job_id
        self._emit = emit
        self._previews = previews
        self._job: Job | None = None
        """The job of the latest event."""
        self._last_id: str | None = None

    def request(self) -> Request[httpx2.Response]:
        return stream_job_events(self._job_id, self._last_id, previews=self._previews)

    def parse(self, event: ServerSentEvent) -> JobEvent | None:
        if not _is_known(event.name):
            return None
        if event.name == "preview":
            # There always is a job: a stream starts with it unless it is resumed.
            return self._job and JobEvent("preview", self._job, Preview.model_validate_json(event.data))
        self._job = Job.model_validate_json(event.data)
        self._last_id = event.id if is_header_value(event.id) else self._last_id
        return JobEvent(event.name, self._job)

    def emit(self, event: JobEvent) -> bool:
        self._emit(event)
        return event.name == "done"


def stream_events(
    job_id: str,
    configuration: Configuration,
    emit: Callable[[JobEvent], None],
    retries: Retries,
    *,
    previews: bool = False,
) -> Flow[None]:
    """Call `emit` with every event up to `done`, or until the deadline of `retries`. Raises as `read_events`."""
    return read_events(_JobEvents(job_id, emit, previews=previews), configuration, retries)


def _is_known(name: str) -> TypeGuard[EventName]:
    """Return whether this version knows the event; a newer service may send others."""
    return name in get_args(EventName)
