"""Arguments → what is sent, and how its answer is read: one function per route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx2

from renderq.contract import (
    Asset,
    Extend,
    Job,
    JobList,
    Model,
    ModelList,
    OutputOptions,
    Stats,
    Tenant,
    TenantList,
    WebhookOptions,
    WorkerList,
)
from renderq.core.answers import Snapshot, read, read_snapshot
from renderq.core.event_stream import MEDIA_TYPE as EVENT_STREAM
from renderq.core.pictures import task_of
from renderq.fields import JobFilters, RequestFields

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One logical request, however often it is attempted."""

    method: str
    url: str
    """Relative to the service's address, or absolute."""
    read: Callable[[httpx2.Response], T]
    """Makes the result of an answer below 400."""
    body: Mapping[str, object] | None = None
    """Sent as JSON."""
    file: bytes | None = None
    """Sent as the one file of a form."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    hold: int = 0
    """Seconds that the service may take because it was asked to."""


def submit_job(prompt: str | None, fields: RequestFields, idempotency_key: str | None) -> Call[Job]:
    """A new job. All attempts carry the same key, so that the service makes one job of them."""
    body = {name: _plain(value) for name, value in {"prompt": prompt, **fields}.items() if value is not None}
    task = task_of(fields)
    return Call(
        "POST",
        "v1/jobs",
        partial(read, Job),
        body={**({"task": task} if task else {}), **body},
        headers={"Idempotency-Key": idempotency_key or str(uuid4())},
    )


def get_job(job_id: str, *, hold: int = 0, etag: str | None = None) -> Call[Snapshot | None]:
    """A job; `None` if it still is what `etag` was given for.

    With `hold` the service is asked to answer only when the job is terminal, or after that many seconds.
    """
    headers: dict[str, str] = {}
    if hold:
        headers["Prefer"] = f"wait={hold}"
    if etag:
        headers["If-None-Match"] = etag
    return Call("GET", _job_path(job_id), read_snapshot, headers=headers, hold=hold)


def show_job(job_id: str) -> Call[Job]:
    """A job as it is now."""
    return Call("GET", _job_path(job_id), partial(read, Job))


def follow_job(job_id: str, last_event_id: str | None, *, previews: bool = False) -> Call[httpx2.Response]:
    """A job's events: all, or those after one that came before; with or without previews."""
    headers = {"Accept": f"{EVENT_STREAM}, application/problem+json", "Cache-Control": "no-store"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    query = "?previews=true" if previews else ""
    return Call("GET", f"{_job_path(job_id)}/events{query}", _as_it_is, headers=headers)


def cancel_job(job_id: str) -> Call[Job]:
    return Call("POST", f"{_job_path(job_id)}/cancel", partial(read, Job))


def retry_job(job_id: str, idempotency_key: str | None = None) -> Call[Job]:
    """The job again, as a new one; the key is that of `submit_job`."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    return Call("POST", f"{_job_path(job_id)}/retry", partial(read, Job), headers=headers)


def delete_job(job_id: str) -> Call[httpx2.Response]:
    return Call("DELETE", _job_path(job_id), _as_it_is)


def list_jobs(page_size: int, filters: JobFilters, cursor: str | None) -> Call[JobList]:
    """One page of the list; times without a zone are local."""
    given = {"limit": page_size, **filters, "cursor": cursor}
    query = {name: _text(value) for name, value in given.items() if value is not None}
    return Call("GET", f"v1/jobs?{urlencode(query)}", partial(read, JobList))


def get_stats() -> Call[Stats]:
    return Call("GET", "v1/stats", partial(read, Stats))


def list_models() -> Call[ModelList]:
    return Call("GET", "v1/models", partial(read, ModelList))


def get_model(name: str) -> Call[Model]:
    return Call("GET", f"v1/models/{quote(name, safe='')}", partial(read, Model))


def pause_model(name: str) -> Call[Model]:
    return Call("POST", f"v1/models/{quote(name, safe='')}/pause", partial(read, Model))


def resume_model(name: str) -> Call[Model]:
    return Call("POST", f"v1/models/{quote(name, safe='')}/resume", partial(read, Model))


def list_tenants() -> Call[TenantList]:
    return Call("GET", "v1/tenants", partial(read, TenantList))


def pause_tenant(name: str) -> Call[Tenant]:
    return Call("POST", f"v1/tenants/{quote(name, safe='')}/pause", partial(read, Tenant))


def resume_tenant(name: str) -> Call[Tenant]:
    return Call("POST", f"v1/tenants/{quote(name, safe='')}/resume", partial(read, Tenant))


def list_workers() -> Call[WorkerList]:
    return Call("GET", "v1/workers", partial(read, WorkerList))


def upload_asset(picture: bytes) -> Call[Asset]:
    """Needs no key to be repeated: the same bytes are the same asset."""
    return Call("POST", "v1/assets", partial(read, Asset), file=picture)


def get_asset(asset_id: str) -> Call[Asset]:
    return Call("GET", f"v1/assets/{quote(asset_id, safe='')}", partial(read, Asset))


def get_file(url: str) -> Call[httpx2.Response]:
    """Any file, or the redirect to it."""
    return Call("GET", url, _as_it_is, headers={"Accept": "*/*"})


def _as_it_is(response: httpx2.Response) -> httpx2.Response:
    return response


def _job_path(job_id: str) -> str:
    return f"v1/jobs/{quote(job_id, safe='')}"


def _text(value: object) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _plain(value: object) -> object:
    if isinstance(value, Asset):
        return value.id
    return value.model_dump(exclude_unset=True) if isinstance(value, OutputOptions | WebhookOptions | Extend) else value
