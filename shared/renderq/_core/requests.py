"""Requests of the HTTP API and the parsers of their responses: one function per route."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Generic, TypeVar, cast
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx2

from renderq._core.input_images import implied_task, local_images, with_uploaded, without_images
from renderq._core.loras import lora_fields
from renderq._core.responses import ModelT, Snapshot, parse_response, parse_snapshot
from renderq._core.sse import MEDIA_TYPE as EVENT_STREAM
from renderq._core.values import checked_text, json_fields, json_value, query_value
from renderq._headers import is_header_value
from renderq.contract import (
    LIMITS,
    Asset,
    CancelJobsResult,
    DeleteJobsResult,
    Delivery,
    DeliveryList,
    FailureList,
    ImageLink,
    Job,
    JobList,
    LoadHistory,
    Me,
    Model,
    ModelList,
    Purge,
    Stats,
    StyleList,
    Tenant,
    TenantList,
    UsageList,
    Worker,
    WorkerList,
)
from renderq.errors import InvalidArgument
from renderq.request_params import JobFilters, RequestParams

T = TypeVar("T")

_EVENT_HEADERS = {"Accept": f"{EVENT_STREAM}, application/problem+json", "Cache-Control": "no-store"}


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
    """Submit a job. All attempts carry the same idempotency key, so they make one job.

    Local images are not in it: upload them, and add them by `with_assets`. Raises `InvalidArgument`.
    """
    local = local_images(fields)
    body = request_body({"prompt": prompt, **without_images(fields, local)})
    return Request(
        "POST",
        "v1/jobs",
        partial(parse_response, Job),
        body={**implied_task(fields), **body},
        headers=idempotency_header(idempotency_key),
    )


def request_body(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a job request as JSON has them. Raises `InvalidArgument`."""
    loras = fields.get("loras")
    return json_fields(fields if loras is None else {**fields, "loras": lora_fields(loras)})


def with_assets(request: Request[Job], uploaded: Mapping[str, Asset]) -> Request[Job]:
    """Return the submission with the uploaded assets, named as by `local_images`."""
    ids = {name: asset.id for name, asset in uploaded.items()}
    return replace(request, body=with_uploaded(request.body or {}, ids))


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
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    query = "?previews=true" if previews else ""
    return Request("GET", f"{_job_path(job_id)}/events{query}", raw_response, headers=_EVENT_HEADERS | headers)


def stream_tenant_events(previews: Sequence[str]) -> Request[httpx2.Response]:
    """Open the event stream of all jobs, with the previews of some."""
    ids = [previews] if isinstance(previews, str) else previews
    query = urlencode({"previews": ",".join(checked_text(each, "previews") for each in ids)}) if ids else ""
    return Request("GET", f"v1/events?{query}" if query else "v1/events", raw_response, headers=_EVENT_HEADERS)


def cancel_job(job_id: str) -> Request[Job]:
    return Request("POST", f"{_job_path(job_id)}/cancel", partial(parse_response, Job))


def move_job(job_id: str, to: str | None, before: str | None) -> Request[Job]:
    """Move a queued job to the front or the back, or before another."""
    body = json_fields({"to": to, "before": before})
    return Request("POST", f"{_job_path(job_id)}/move", partial(parse_response, Job), body=body)


def retry_job(job_id: str, idempotency_key: str | None = None) -> Request[Job]:
    """Submit the request of a job again; the key works as in `submit_job`."""
    return Request(
        "POST",
        f"{_job_path(job_id)}/retry",
        partial(parse_response, Job),
        headers=idempotency_header(idempotency_key),
    )


def delete_job(job_id: str) -> Request[httpx2.Response]:
    return Request("DELETE", _job_path(job_id), raw_response)


def cancel_jobs(job_ids: Sequence[str]) -> Request[CancelJobsResult]:
    return _bulk("cancel", CancelJobsResult, {"ids": list(job_ids)})


def cancel_queued_jobs(model: str | None) -> Request[CancelJobsResult]:
    return _bulk("cancel", CancelJobsResult, {"status": "queued", "model": model})


def delete_jobs(job_ids: Sequence[str]) -> Request[DeleteJobsResult]:
    return _bulk("delete", DeleteJobsResult, {"ids": list(job_ids)})


def _bulk(action: str, model: type[ModelT], fields: Mapping[str, object]) -> Request[ModelT]:
    return Request("POST", f"v1/jobs/{action}", partial(parse_response, model), body=json_fields(fields))


def list_jobs(page_size: int, filters: JobFilters, cursor: str | None) -> Request[JobList]:
    """Get one page of the job list. Naive datetimes are local time. Raises `InvalidArgument`."""
    if own := filters.keys() & {"limit", "cursor"}:
        raise InvalidArgument(
            f"{min(own)} is no filter: iteration fetches all pages, of page_size jobs; stop when you have enough, as "
            "itertools.islice does"
        )
    parameters: list[tuple[str, object]] = [("limit", page_size), *_filters(filters), ("cursor", cursor)]
    query = [(name, query_value(name, value)) for name, value in parameters if value is not None]
    return Request("GET", f"v1/jobs?{urlencode(query)}", partial(parse_response, JobList))


def annotate_job(job_id: str, kept: bool | None, labels: Sequence[str] | None) -> Request[Job]:
    """Set what is given."""
    body = json_fields({"kept": kept, "labels": labels})
    return Request("PATCH", _job_path(job_id), partial(parse_response, Job), body=body)


def link_image(job_id: str, name: int | str, seconds: int | None, download: bool) -> Request[ImageLink]:
    """Make a link to an image. `name`: its index, or `grid`."""
    fields = json_fields({"seconds": seconds, "download": download})
    path = f"{_job_path(job_id)}/images/{name}/link"
    return Request("POST", path, partial(parse_response, ImageLink), body=fields)


def _filters(filters: JobFilters) -> Iterator[tuple[str, object]]:
    """Yield the filters as the parameters of the route."""
    for name, value in filters.items():
        made = json_value(name, value) if name in {"labels", "metadata"} else value
        if name == "labels" and isinstance(made, list):
            yield from (("label", label) for label in cast(list[object], made))
        elif name == "metadata" and isinstance(made, dict):
            yield from ((f"metadata.{key}", text) for key, text in cast(dict[str, object], made).items())
        elif name in {"labels", "metadata"} and made is not None:
            kind = "a list" if name == "labels" else "a dictionary"
            raise InvalidArgument(f"{name} must be {kind}, not {type(value).__name__}")
        else:
            yield name, value


def get_me() -> Request[Me]:
    return Request("GET", "v1/me", partial(parse_response, Me))


def get_stats() -> Request[Stats]:
    return Request("GET", "v1/stats", partial(parse_response, Stats))


def get_load_history() -> Request[LoadHistory]:
    return Request("GET", "v1/stats/history", partial(parse_response, LoadHistory))


def get_usage(since: date | None, until: date | None, tenant: str | None) -> Request[UsageList]:
    query = query_string(since=since, until=until, tenant=tenant)
    return Request("GET", f"v1/usage{query}", partial(parse_response, UsageList))


def get_failures(since: date | None) -> Request[FailureList]:
    return Request("GET", f"v1/failures{query_string(since=since)}", partial(parse_response, FailureList))


def list_models() -> Request[ModelList]:
    return Request("GET", "v1/models", partial(parse_response, ModelList))


def get_model(name: str) -> Request[Model]:
    return Request("GET", _model_path(name), partial(parse_response, Model))


def list_styles() -> Request[StyleList]:
    return Request("GET", "v1/styles", partial(parse_response, StyleList))


def pause_model(name: str) -> Request[Model]:
    return Request("POST", f"{_model_path(name)}/pause", partial(parse_response, Model))


def resume_model(name: str) -> Request[Model]:
    return Request("POST", f"{_model_path(name)}/resume", partial(parse_response, Model))


def list_tenants() -> Request[TenantList]:
    return Request("GET", "v1/tenants", partial(parse_response, TenantList))


def pause_tenant(name: str) -> Request[Tenant]:
    return Request("POST", f"{_tenant_path(name)}/pause", partial(parse_response, Tenant))


def resume_tenant(name: str) -> Request[Tenant]:
    return Request("POST", f"{_tenant_path(name)}/resume", partial(parse_response, Tenant))


def purge_tenant(name: str) -> Request[Purge]:
    return Request("DELETE", f"{_tenant_path(name)}/data", partial(parse_response, Purge))


def get_purge(name: str) -> Request[Purge]:
    return Request("GET", f"{_tenant_path(name)}/data", partial(parse_response, Purge))


def list_workers() -> Request[WorkerList]:
    return Request("GET", "v1/workers", partial(parse_response, WorkerList))


def drain_worker(worker_id: str) -> Request[Worker]:
    path = f"v1/workers/{path_segment(worker_id, 'worker_id')}/drain"
    return Request("POST", path, partial(parse_response, Worker))


def list_deliveries(job_id: str) -> Request[DeliveryList]:
    return Request("GET", f"{_job_path(job_id)}/deliveries", partial(parse_response, DeliveryList))


def replay_delivery(delivery_id: str) -> Request[Delivery]:
    path = f"v1/deliveries/{quote(delivery_id, safe='')}/replay"
    return Request("POST", path, partial(parse_response, Delivery))


def upload_asset(data: bytes) -> Request[Asset]:
    """Upload a file. Idempotent: the same bytes are the same asset."""
    return Request("POST", "v1/assets", partial(parse_response, Asset), file=data)


def get_asset(asset_id: str) -> Request[Asset]:
    return Request("GET", f"v1/assets/{path_segment(asset_id, 'asset_id')}", partial(parse_response, Asset))


def get_file(url: str, start: int = 0) -> Request[httpx2.Response]:
    """Get any file from byte `start`, or the redirect to it. Bytes of an encoded body could not be counted."""
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    return Request("GET", url, raw_response, headers=headers | ({"Range": f"bytes={start}-"} if start else {}))


def raw_response(response: httpx2.Response) -> httpx2.Response:
    return response


def query_string(**parameters: date | str | int | None) -> str:
    """Return the parameters that are not `None`, after a `?`; nothing without any. Raises `InvalidArgument`."""
    given = [(name, query_value(name, value)) for name, value in parameters.items() if value is not None]
    return f"?{urlencode(given)}" if given else ""


def _job_path(job_id: str) -> str:
    return f"v1/jobs/{path_segment(job_id, 'job_id')}"


def _model_path(name: str) -> str:
    return f"v1/models/{path_segment(name, 'name')}"


def _tenant_path(name: str) -> str:
    return f"v1/tenants/{path_segment(name, 'name')}"


def path_segment(value: object, name: str) -> str:
    """Quote one segment of a path. Raises `InvalidArgument` for what would name another resource."""
    text = checked_text(value, name)
    if text in {"", ".", ".."}:
        raise InvalidArgument(f"{name} must name something; got {text!r}")
    return quote(text, safe="")


def idempotency_header(key: object) -> dict[str, str]:
    """Return the header for an idempotency key, by default a random one. Raises `InvalidArgument`."""
    if key is None:
        return {"Idempotency-Key": str(uuid4())}
    text, limit = checked_text(key, "idempotency_key"), LIMITS.idempotency_key_characters
    if not is_header_value(text) or len(text) > limit:
        raise InvalidArgument(f"idempotency_key must be 1 to {limit} visible ASCII characters; got {text[:limit]!r}")
    return {"Idempotency-Key": text}
