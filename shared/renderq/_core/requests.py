"""Requests of the HTTP API and the parsers of their responses: one function per route."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx2

from renderq._core.input_images import infer_task
from renderq._core.responses import Snapshot, parse_response, parse_snapshot
from renderq._core.sse import MEDIA_TYPE as EVENT_STREAM
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
from renderq.request_params import JobFilters, RequestParams

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One logical request; retries repeat it."""

    method: str
    url: str
    """Relative to the service's URL, or absolute."""
    parse: Callable[[httpx2.Response], T]
    """Parses a response below 400."""
    body: Mapping[str, object] | None = None
    """Sent as JSON."""
    file: bytes | None = None
    """Sent as the single file of a multipart form."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    server_wait: int = 0
    """Seconds that the service may hold the request (`Prefer: wait`)."""


def submit_job(prompt: str | None, fields: RequestParams, idempotency_key: str | None) -> Request[Job]:
    """Submit a job. All attempts carry the same idempotency key, so they make one job."""
    body = {name: _json_value(value) for name, value in {"prompt": prompt, **fields}.items() if value is not None}
    task = infer_task(fields)
    return Request(
        "POST",
        "v1/jobs",
        partial(parse_response, Job),
        body={**({"task": task} if task else {}), **body},
        headers={"Idempotency-Key": idempotency_key or str(uuid4())},
    )


def poll_job(job_id: str, *, server_wait: int = 0, etag: str | None = None) -> Request[Snapshot | None]:
    """Get a job; `None` if it has not changed since `etag`.

    With `server_wait` the service responds when the job is terminal, or after that many seconds.
    """
    headers: dict[str, str] = {}
    if server_wait:
        headers["Prefer"] = f"wait={server_wait}"
    if etag:
        headers["If-None-Match"] = etag
    return Request("GET", _job_path(job_id), parse_snapshot, headers=headers, server_wait=server_wait)


def fetch_job(job_id: str) -> Request[Job]:
    """Get a job."""
    return Request("GET", _job_path(job_id), partial(parse_response, Job))


def stream_job_events(job_id: str, last_event_id: str | None, *, previews: bool = False) -> Request[httpx2.Response]:
    """Open the event stream of a job, from the start or after `last_event_id`."""
    headers = {"Accept": f"{EVENT_STREAM}, application/problem+json", "Cache-Control": "no-store"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    query = "?previews=true" if previews else ""
    return Request("GET", f"{_job_path(job_id)}/events{query}", raw_response, headers=headers)


def cancel_job(job_id: str) -> Request[Job]:
    return Request("POST", f"{_job_path(job_id)}/cancel", partial(parse_response, Job))


def retry_job(job_id: str, idempotency_key: str | None = None) -> Request[Job]:
    """Submit the request of a job again; the key works as in `submit_job`."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    return Request("POST", f"{_job_path(job_id)}/retry", partial(parse_response, Job), headers=headers)


def delete_job(job_id: str) -> Request[httpx2.Response]:
    return Request("DELETE", _job_path(job_id), raw_response)


def list_jobs(page_size: int, filters: JobFilters, cursor: str | None) -> Request[JobList]:
    """Get one page of the job list. Naive datetimes are local time."""
    parameters = {"limit": page_size, **filters, "cursor": cursor}
    query = {name: _query_value(value) for name, value in parameters.items() if value is not None}
    return Request("GET", f"v1/jobs?{urlencode(query)}", partial(parse_response, JobList))


def get_stats() -> Request[Stats]:
    return Request("GET", "v1/stats", partial(parse_response, Stats))


def list_models() -> Request[ModelList]:
    return Request("GET", "v1/models", partial(parse_response, ModelList))


def get_model(name: str) -> Request[Model]:
    return Request("GET", f"v1/models/{quote(name, safe='')}", partial(parse_response, Model))


def pause_model(name: str) -> Request[Model]:
    return Request("POST", f"v1/models/{quote(name, safe='')}/pause", partial(parse_response, Model))


def resume_model(name: str) -> Request[Model]:
    return Request("POST", f"v1/models/{quote(name, safe='')}/resume", partial(parse_response, Model))


def list_tenants() -> Request[TenantList]:
    return Request("GET", "v1/tenants", partial(parse_response, TenantList))


def pause_tenant(name: str) -> Request[Tenant]:
    return Request("POST", f"v1/tenants/{quote(name, safe='')}/pause", partial(parse_response, Tenant))


def resume_tenant(name: str) -> Request[Tenant]:
    return Request("POST", f"v1/tenants/{quote(name, safe='')}/resume", partial(parse_response, Tenant))


def list_workers() -> Request[WorkerList]:
    return Request("GET", "v1/workers", partial(parse_response, WorkerList))


def upload_asset(data: bytes) -> Request[Asset]:
    """Upload a file. Idempotent: the same bytes are the same asset."""
    return Request("POST", "v1/assets", partial(parse_response, Asset), file=data)


def get_asset(asset_id: str) -> Request[Asset]:
    return Request("GET", f"v1/assets/{quote(asset_id, safe='')}", partial(parse_response, Asset))


def get_file(url: str) -> Request[httpx2.Response]:
    """Get any file, or the redirect to it."""
    return Request("GET", url, raw_response, headers={"Accept": "*/*"})


def raw_response(response: httpx2.Response) -> httpx2.Response:
    return response


def _job_path(job_id: str) -> str:
    return f"v1/jobs/{quote(job_id, safe='')}"


def _query_value(value: object) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _json_value(value: object) -> object:
    if isinstance(value, Asset):
        return value.id
    return value.model_dump(exclude_unset=True) if isinstance(value, OutputOptions | WebhookOptions | Extend) else value
