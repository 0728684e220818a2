"""Routes of the fake service: request → response, on the state."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from renderq.contract import (
    LIMITS,
    Batch,
    BatchList,
    DeletedJob,
    Job,
    JobList,
    ModelList,
    ProblemKind,
    StyleList,
    WorkerList,
)
from renderq.testing.fake_batches import FakeBatches
from renderq.testing.fake_state import FakeState
from renderq.testing.http_server import FakeResponse, ReceivedRequest
from renderq.testing.refusals import Refusal
from renderq.testing.responses import format_event, format_tenant_event, problem

POLL_INTERVAL_S = 0.01
"""Interval between two reads of a watched job."""
PING_INTERVAL_S = 10.0
"""Interval between two comments in an idle event stream."""

_WORD = re.compile(r"\w+")

Item = TypeVar("Item")
Route = Callable[..., FakeResponse]


class Routes:
    """Routes of the contract. Setting `closed` ends held requests and event streams."""

    def __init__(self, state: FakeState, closed: threading.Event) -> None:
        self._state = state
        self._batches = FakeBatches(state)
        self._closed = closed
        self._table: tuple[tuple[str, re.Pattern[str], Route], ...] = (
            ("POST", _pattern("jobs"), self._submit),
            ("GET", _pattern("jobs"), self._list_jobs),
            ("POST", _pattern("jobs/cancel"), self._cancel_jobs),
            ("POST", _pattern("jobs/delete"), self._delete_jobs),
            ("POST", _pattern("batches"), self._submit_batch),
            ("GET", _pattern("batches"), self._list_batches),
            ("GET", _pattern("batches/(ID)"), self._get_batch),
            ("POST", _pattern("batches/(ID)/cancel"), self._cancel_batch),
            ("POST", _pattern("batches/(ID)/retry"), self._retry_batch),
            ("GET", _pattern("jobs/(ID)"), self._get_job),
            ("DELETE", _pattern("jobs/(ID)"), self._delete_job),
            ("PATCH", _pattern("jobs/(ID)"), self._annotate_job),
            ("POST", _pattern("jobs/(ID)/cancel"), self._cancel_job),
            ("POST", _pattern("jobs/(ID)/move"), self._move_job),
            ("POST", _pattern("jobs/(ID)/retry"), self._retry_job),
            ("GET", _pattern("jobs/(ID)/events"), self._stream_events),
            ("GET", _pattern("events"), self._stream_tenant_events),
            ("GET", _pattern("jobs/(ID)/images/(ID)"), self._get_image),
            ("POST", _pattern("jobs/(ID)/images/(ID)/link"), self._link_image),
            ("POST", _pattern("assets"), self._upload),
            ("GET", _pattern("assets/(ID)"), self._get_asset),
            ("GET", _pattern("assets/(ID)/content"), self._get_asset_file),
            ("GET", _pattern("models"), self._list_models),
            ("GET", _pattern("models/(ID)"), self._get_model),
            ("GET", _pattern("styles"), self._list_styles),
            ("GET", _pattern("workers"), self._list_workers),
            ("POST", _pattern("workers/(ID)/drain"), self._drain_worker),
            ("GET", _pattern("me"), self._get_me),
            ("GET", _pattern("stats"), self._get_stats),
            ("GET", _pattern("stats/history"), self._get_load_history),
            ("DELETE", _pattern("tenants/(ID)/data"), self._purge_tenant),
            ("GET", _pattern("tenants/(ID)/data"), self._get_purge),
        )

    def respond(self, request: ReceivedRequest) -> FakeResponse:
        """Respond to a request."""
        path = urlsplit(request.path).path
        for method, pattern, route in self._table:
            if method == request.method and (match := pattern.fullmatch(path)):
                try:
                    return route(request, *map(unquote, match.groups()))
                except Refusal as refusal:
                    return refusal.response
        return problem(ProblemKind.NOT_FOUND, f"the fake service has no route {request.method} {path}")

    def _submit(self, request: ReceivedRequest) -> FakeResponse:
        try:
            body = request.json
        except ValueError:
            return problem(ProblemKind.INVALID_REQUEST, "the body is not JSON")
        return _accepted(*self._state.submit(body, _idempotency_key(request)))

    def _list_jobs(self, request: ReceivedRequest) -> FakeResponse:
        query = parse_qs(urlsplit(request.path).query)
        jobs = [job for job in reversed(self._state.jobs()) if _matches(job, query)]
        if "batch" in query:
            jobs.reverse()  # in the order of the batch
        page, next_cursor = _page(jobs, query, LIMITS.page_jobs_default)
        return FakeResponse(200, JobList(data=page, next_cursor=next_cursor))

    def _submit_batch(self, request: ReceivedRequest) -> FakeResponse:
        return _accepted(*self._batches.submit(request.json, _idempotency_key(request)))

    def _list_batches(self, request: ReceivedRequest) -> FakeResponse:
        query = parse_qs(urlsplit(request.path).query)
        page, next_cursor = _page(self._batches.batches()[::-1], query, LIMITS.page_batches)
        return FakeResponse(200, BatchList(data=page, next_cursor=next_cursor))

    def _get_batch(self, request: ReceivedRequest, batch_id: str) -> FakeResponse:
        return FakeResponse(200, self._batches.batch(batch_id))

    def _cancel_batch(self, request: ReceivedRequest, batch_id: str) -> FakeResponse:
        return FakeResponse(200, self._batches.cancel(batch_id))

    def _retry_batch(self, request: ReceivedRequest, batch_id: str) -> FakeResponse:
        return _accepted(*self._batches.retry(batch_id, _idempotency_key(request)))

    def _cancel_jobs(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, self._state.cancel_jobs(request.json))

    def _delete_jobs(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, self._state.delete_jobs(request.json))

    def _get_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        headers: dict[str, str] = {}
        job = self._state.job(job_id)
        if wait := re.search(r"wait=(\d+)", _header(request, "Prefer") or ""):
            deadline = time.monotonic() + int(wait[1])
            while not job.status.is_terminal and time.monotonic() < deadline and not self._closed.wait(POLL_INTERVAL_S):
                job = self._state.job(job_id)
            headers["Preference-Applied"] = wait[0]
        headers["ETag"] = f'W/"{job.version}"'
        if _header(request, "If-None-Match") == headers["ETag"]:
            return FakeResponse(304, b"", headers)
        return FakeResponse(200, job, headers)

    def _annotate_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.annotate(job_id, request.json))

    def _delete_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        self._state.delete(job_id)
        return FakeResponse(204)

    def _cancel_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.cancel(job_id))

    def _move_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.move(job_id, request.json))

    def _retry_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        return _accepted(*self._state.retry(job_id, _idempotency_key(request)))

    def _stream_events(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        self._state.job(job_id)
        last_id = _header(request, "Last-Event-ID") or ""
        seen = int(last_id) if last_id.isdigit() else None
        headers = {"Content-Type": "text/event-stream"}
        return FakeResponse(200, b"retry: 100\n\n", headers, lambda: self._events(job_id, seen))

    def _events(self, job_id: str, seen: int | None) -> Iterator[bytes]:
        """Yield events; not again the version that the client has seen."""
        last: Job | None = None
        sent_at = time.monotonic()
        while not self._closed.is_set():
            job = self._state.job(job_id)
            if last is None and job.version == seen:
                last = job
            if last is None or job.version != last.version:
                yield format_event(_event_name(job, last), job)
                last, sent_at = job, time.monotonic()
            elif time.monotonic() - sent_at > PING_INTERVAL_S:
                yield b": ping\n\n"
                sent_at = time.monotonic()
            if job.status.is_terminal:
                yield format_event("done", job)
                return
            self._closed.wait(POLL_INTERVAL_S)

    def _stream_tenant_events(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, b"retry: 100\n\n", {"Content-Type": "text/event-stream"}, self._tenant_events)

    def _tenant_events(self) -> Iterator[bytes]:
        """Yield changes and deletions of jobs, and the load; there are no places and no previews."""
        yield format_tenant_event("ready", "{}")
        versions = {job.id: job.version for job in self._state.jobs()}
        load = ""
        while not self._closed.is_set():
            jobs = {job.id: job for job in self._state.jobs()}
            for job_id in versions.keys() - jobs.keys():
                yield format_tenant_event("gone", DeletedJob(id=job_id).model_dump_json())
            for job in jobs.values():
                if versions.get(job.id) != job.version:
                    yield format_tenant_event("job", job.model_dump_json())
            versions = {job.id: job.version for job in jobs.values()}
            before, load = load, self._state.stats().model_dump_json()
            if load != before:
                yield format_tenant_event("service", load)
            self._closed.wait(POLL_INTERVAL_S)

    def _get_image(self, request: ReceivedRequest, job_id: str, name: str) -> FakeResponse:
        return _file(request, self._state.image(job_id, name), "image/png")

    def _link_image(self, request: ReceivedRequest, job_id: str, name: str) -> FakeResponse:
        return FakeResponse(200, self._state.link(job_id, name, request.json))

    def _upload(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(201, self._state.upload(form_file(request)))

    def _get_asset(self, request: ReceivedRequest, asset_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.asset(asset_id)[0])

    def _get_asset_file(self, request: ReceivedRequest, asset_id: str) -> FakeResponse:
        asset, data = self._state.asset(asset_id)
        return _file(request, data, asset.content_type)

    def _list_models(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, ModelList(data=self._state.models))

    def _get_model(self, request: ReceivedRequest, name: str) -> FakeResponse:
        return FakeResponse(200, self._state.model(name))

    def _list_styles(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, StyleList(data=()))

    def _list_workers(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, WorkerList(data=tuple(self._state.workers())))

    def _drain_worker(self, request: ReceivedRequest, worker_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.drain(worker_id))

    def _get_me(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, self._state.me())

    def _get_stats(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, self._state.stats())

    def _get_load_history(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, self._state.load_history())

    def _purge_tenant(self, request: ReceivedRequest, name: str) -> FakeResponse:
        return FakeResponse(202, self._state.purge(name))

    def _get_purge(self, request: ReceivedRequest, name: str) -> FakeResponse:
        return FakeResponse(200, self._state.last_purge(name))


def form_file(request: ReceivedRequest) -> bytes:
    """Return the single file of a multipart form. Raises `Refusal`."""
    head, _, boundary = (_header(request, "Content-Type") or "").partition("boundary=")
    parts = request.body.split(b"--" + boundary.encode())
    if not head.startswith("multipart/form-data") or len(parts) != 3:
        raise Refusal(problem(ProblemKind.INVALID_REQUEST, "the body is not a form with one file"))
    return parts[1].removesuffix(b"\r\n").partition(b"\r\n\r\n")[2]


def _file(request: ReceivedRequest, data: bytes, content_type: str) -> FakeResponse:
    """Return a file, or the rest of it from the byte that the request names."""
    headers = {"Content-Type": content_type, "Accept-Ranges": "bytes"}
    match = re.fullmatch(r"bytes=(\d+)-", _header(request, "Range") or "")
    if match is None:
        return FakeResponse(200, data, headers)
    start = int(match[1])
    if start >= len(data):
        return problem(ProblemKind.RANGE_NOT_SATISFIABLE)
    headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
    return FakeResponse(206, data[start:], headers)


def _accepted(accepted: Job | Batch, is_replay: bool) -> FakeResponse:
    return FakeResponse(201, accepted, {"Idempotency-Replayed": "true"} if is_replay else {})


def _page(items: Sequence[Item], query: dict[str, list[str]], limit: int) -> tuple[tuple[Item, ...], str | None]:
    """Return a page of a list, and the cursor of the next page. `limit`: that of a query without one."""
    start = int(query.get("cursor", ["0"])[0])
    end = start + int(query.get("limit", [limit])[0])
    return tuple(items[start:end]), str(end) if end < len(items) else None


def _idempotency_key(request: ReceivedRequest) -> str | None:
    """Return the idempotency key. Raises `Refusal` if the service would refuse it."""
    key = _header(request, "Idempotency-Key")
    if key is not None and not re.fullmatch(r'[!#-~]{1,255}|"[ -~]{1,255}"', key):
        raise Refusal(problem(ProblemKind.INVALID_REQUEST, "The Idempotency-Key header is not valid."))
    return key


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/v1/" + path.replace("ID", "[^/]+"))


def _header(request: ReceivedRequest, name: str) -> str | None:
    return next((value for key, value in request.headers.items() if key.lower() == name.lower()), None)


def _matches(job: Job, query: dict[str, list[str]]) -> bool:
    """Return whether a job passes the filters of a list. Searches compare words by letters and digits alone."""
    last = {name: values[-1] for name, values in query.items()}
    after, before = last.get("created_after"), last.get("created_before")
    facts = {
        **{name: str(getattr(job, name)) for name in ("status", "model", "task")},
        "seed": str(job.request.get("seed")),
        "kept": str(job.kept).lower(),
        "error_code": job.error.code if job.error else None,
        "batch": job.batch.id if job.batch else None,
        **{f"metadata.{name}": value for name, value in job.metadata.items()},
    }
    prompts = f"{job.request.get('prompt')} {job.request.get('negative_prompt')}".lower()
    return (
        all(facts.get(name) == value for name, value in last.items() if name in facts or name.startswith("metadata."))
        and set(query.get("label", ())) <= set(job.labels)
        and set(_WORD.findall(last.get("q", "").lower())) <= set(_WORD.findall(prompts))
        and (after is None or job.created_at > datetime.fromisoformat(after))
        and (before is None or job.created_at < datetime.fromisoformat(before))
    )


def _event_name(job: Job, last: Job | None) -> str:
    if last is None or job.status is not last.status:
        return "status"
    return "output" if len(job.outputs) > len(last.outputs) else "progress"
