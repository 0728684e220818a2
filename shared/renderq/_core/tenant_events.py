"""Event stream of all jobs of a tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard, get_args

import httpx2

from renderq._config import Configuration
from renderq._core.event_stream import read_events
from renderq._core.flows import Flow
from renderq._core.requests import Request, stream_tenant_events
from renderq._core.retries import Retries
from renderq._core.sse import ServerSentEvent
from renderq.contract import DeletedJob, Job, JobPreview, QueuePlace, QueuePlaces, Stats, TenantEventName


@dataclass(frozen=True, slots=True)
class TenantEvent:
    """A change of the tenant's jobs, or of the load of the service."""

    name: TenantEventName
    """`ready`: nothing is missed from now on, list the jobs; `job`: a job has changed; `gone`: it was deleted;
    `places`: places in the queue have changed; `service`: the load has changed; `preview`: of an image in progress."""
    job_id: str | None = None
    """The job of `job`, `gone` and `preview`."""
    job: Job | None = None
    """The complete job, in `job`; its place comes in `places`."""
    places: tuple[QueuePlace, ...] = ()
    """Those that have changed, of the first 100 queued jobs."""
    stats: Stats | None = None
    """The load, in `service`."""
    preview: JobPreview | None = None


class _TenantEvents:
    """`EventReader` of a tenant."""

    def __init__(self, previews: Sequence[str], emit: Callable[[TenantEvent], None]) -> None:
        self._previews = previews
        self._emit = emit

    def request(self) -> Request[httpx2.Response]:
        return stream_tenant_events(self._previews)

    def parse(self, event: ServerSentEvent) -> TenantEvent | None:
        return _parse(event.name, event.data) if _is_known(event.name) else None

    def emit(self, event: TenantEvent) -> bool:
        self._emit(event)
        return False


def _parse(name: TenantEventName, data: str) -> TenantEvent:
    match name:
        case "ready":
            return TenantEvent(name)
        case "job":
            job = Job.model_validate_json(data)
            return TenantEvent(name, job.id, job)
        case "gone":
            return TenantEvent(name, DeletedJob.model_validate_json(data).id)
        case "places":
            return TenantEvent(name, places=QueuePlaces.model_validate_json(data).data)
        case "service":
            return TenantEvent(name, stats=Stats.model_validate_json(data))
        case "preview":
            preview = JobPreview.model_validate_json(data)
            return TenantEvent(name, preview.job, preview=preview)


def stream_events(
    previews: Sequence[str], configuration: Configuration, emit: Callable[[TenantEvent], None], retries: Retries
) -> Flow[None]:
    """Call `emit` with every event until the deadline of `retries`. Raises as `read_events`."""
    return read_events(_TenantEvents(previews, emit), configuration, retries)


def _is_known(name: str) -> TypeGuard[TenantEventName]:
    """Return whether this version knows the event; a newer service may send others."""
    return name in get_args(TenantEventName)
