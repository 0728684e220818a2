"""Routes of the fake service: request → response, on the state."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

from renderq.contract import LIMITS, Job, JobList, ModelList, ProblemKind, WorkerList
from renderq.testing.fake_state import FakeState, Refusal
from renderq.testing.http_server import FakeResponse, ReceivedRequest
from renderq.testing.responses import format_event, problem

POLL_INTERVAL_S = 0.01
"""Interval between two reads of a watched job."""
PING_INTERVAL_S = 10.0
"""Interval between two comments in an idle event stream."""

Route = Callable[..., FakeResponse]


class Routes:
    """Routes of the contract. Setting `closed` ends held requests and event streams."""

    def __init__(self, state: FakeState, closed: threading.Event) -> None:
        self._state = state
        self._closed = closed
        self._table: tuple[tuple[str, re.Pattern[str], Route], ...] = (
            ("POST", _pattern("jobs"), self._submit),
            ("GET", _pattern("jobs"), self._list_jobs),
            ("GET", _pattern("jobs/(ID)"), self._get_job),
            ("DELETE", _pattern("jobs/(ID)"), self._delete_job),
            ("POST", _pattern("jobs/(ID)/cancel"), self._cancel_job),
            ("POST", _pattern("jobs/(ID)/retry"), self._retry_job),
            ("GET", _pattern("jobs/(ID)/events"), self._stream_events),
            ("GET", _pattern("jobs/(ID)/images/(ID)"), self._get_image),
            ("POST", _pattern("assets"), self._upload),
            ("GET", _pattern("assets/(ID)"), self._get_asset),
            ("GET", _pattern("assets/(ID)/content"), self._get_asset_file),
            ("GET", _pattern("models"), self._list_models),
            ("GET", _pattern("models/(ID)"), self._get_model),
            ("GET", _pattern("workers"), self._list_workers),
            ("GET", _pattern("stats"), self._get_stats),
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
        job, is_replay = self._state.submit(body, _header(request, "Idempotency-Key"))
        return FakeResponse(201, job, {"Idempotency-Replayed": "true"} if is_replay else {})

    def _list_jobs(self, request: ReceivedRequest) -> FakeResponse:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(request.path).query).items()}
        limit = int(query.get("limit", LIMITS.page_jobs_default))
        start = int(query.get("cursor", "0"))
        jobs = [job for job in reversed(self._state.jobs()) if _matches(job, query)]
        end = start + limit
        return FakeResponse(
            200, JobList(data=tuple(jobs[start:end]), next_cursor=str(end) if end < len(jobs) else None)
        )

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

    def _delete_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        self._state.delete(job_id)
        return FakeResponse(204)

    def _cancel_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.cancel(job_id))

    def _retry_job(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        return FakeResponse(201, self._state.retry(job_id))

    def _stream_events(self, request: ReceivedRequest, job_id: str) -> FakeResponse:
        self._state.job(job_id)
        return FakeResponse(200, b"retry: 100\n\n", {"Content-Type": "text/event-stream"}, lambda: self._events(job_id))

    def _events(self, job_id: str) -> Iterator[bytes]:
        last: Job | None = None
        sent_at = time.monotonic()
        while not self._closed.is_set():
            job = self._state.job(job_id)
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

    def _get_image(self, request: ReceivedRequest, job_id: str, name: str) -> FakeResponse:
        return FakeResponse(200, self._state.image(job_id, name), {"Content-Type": "image/png"})

    def _upload(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(201, self._state.upload(form_file(request)))

    def _get_asset(self, request: ReceivedRequest, asset_id: str) -> FakeResponse:
        return FakeResponse(200, self._state.asset(asset_id)[0])

    def _get_asset_file(self, request: ReceivedRequest, asset_id: str) -> FakeResponse:
        asset, data = self._state.asset(asset_id)
        return FakeResponse(200, data, {"Content-Type": asset.content_type})

    def _list_models(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, ModelList(data=self._state.models))

    def _get_model(self, request: ReceivedRequest, name: str) -> FakeResponse:
        return FakeResponse(200, self._state.model(name))

    def _list_workers(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, WorkerList(data=tuple(self._state.workers())))

    def _get_stats(self, request: ReceivedRequest) -> FakeResponse:
        return FakeResponse(200, self._state.stats())


def form_file(request: ReceivedRequest) -> bytes:
    """Return the single file of a multipart form. Raises `Refusal`."""
    head, _, boundary = (_header(request, "Content-Type") or "").partition("boundary=")
    parts = request.body.split(b"--" + boundary.encode())
    if not head.startswith("multipart/form-data") or len(parts) != 3:
        raise Refusal(problem(ProblemKind.INVALID_REQUEST, "the body is not a form with one file"))
    return parts[1].removesuffix(b"\r\n").partition(b"\r\n\r\n")[2]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/v1/" + path.replace("ID", "[^/]+"))


def _header(request: ReceivedRequest, name: str) -> str | None:
    return next((value for key, value in request.headers.items() if key.lower() == name.lower()), None)


def _matches(job: Job, query: dict[str, str]) -> bool:
    """Return whether a job passes the filters of a list."""
    after, before = query.get("created_after"), query.get("created_before")
    return (
        all(query.get(name) in (None, getattr(job, name)) for name in ("status", "model", "task"))
        and (after is None or job.created_at > datetime.fromisoformat(after))
        and (before is None or job.created_at < datetime.fromisoformat(before))
    )


def _event_name(job: Job, last: Job | None) -> str:
    if last is None or job.status is not last.status:
        return "status"
    return "output" if len(job.outputs) > len(last.outputs) else "progress"
