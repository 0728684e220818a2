"""A small real HTTP server that speaks the wire contract by script: what to answer, in which order."""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from renderq.contract import Grid, Job, JobUrls, Metrics, Output, Preview, Progress

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
IMAGE_BYTES = b"\x89PNG not really, but these very bytes"


@dataclass(frozen=True)
class FakeResponse:
    """What the server says once."""

    status: int = 200
    body: bytes | dict[str, Any] | Job = b""
    headers: dict[str, str] = field(default_factory=dict)
    until: threading.Event | None = None
    """The body is as long as the connection, which ends when this is set."""

    @property
    def payload(self) -> bytes:
        if isinstance(self.body, Job):
            return self.body.model_dump_json().encode()
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


DROPPED = FakeResponse(status=0)
"""The connection is closed without a word."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeService:
    """Answers on a port of its own. The last answer of a script is given again and again."""

    def __init__(self) -> None:
        self.received: list[ReceivedRequest] = []
        self._scripts: dict[tuple[str, str], list[FakeResponse]] = {}
        self._came = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def on(self, method: str, path: str, *answers: FakeResponse) -> None:
        self._scripts[method, path] = list(answers)

    def requests(self, method: str, path: str) -> list[ReceivedRequest]:
        return [seen for seen in self.received if (seen.method, seen.path) == (method, path)]

    def wait_for(self, method: str, path: str, times: int = 1) -> None:
        """Return once that request has come so often."""
        with self._came:
            came = self._came.wait_for(lambda: len(self.requests(method, path)) >= times, timeout=60)
        assert came, f"{method} {path} did not come {times} times"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, seen: ReceivedRequest) -> FakeResponse:
        with self._came:
            self.received.append(seen)
            self._came.notify_all()
            script = self._scripts.get((seen.method, seen.path))
            if not script:
                return problem("not_found", 404, f"nothing at {seen.path}")
            return script.pop(0) if len(script) > 1 else script[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                said = answer(ReceivedRequest(self.command, self.path, dict(self.headers.items()), body))
                if said is DROPPED:
                    self.close_connection = True
                    return
                self.send_response(said.status)
                length = {"Connection": "close"} if said.until else {"Content-Length": str(len(said.payload))}
                for name, value in {**length, **said.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said.payload)
                if said.until:
                    self.wfile.flush()
                    said.until.wait(60)

            do_GET = do_POST = do_DELETE = handle_any  # noqa: N815 — the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def job(
    status: str = "queued", *, url: str = "http://127.0.0.1:9", images: int = 1, done: int = 0, **other: Any
) -> Job:
    """A job `job_1` as the service shows it, with `done` finished pictures."""
    defaults: dict[str, Any] = {
        "id": "job_1",
        "task": "txt2img",
        "model": "shapes",
        "status": status,
        "version": 1,
        "created_at": NOW,
        "progress": Progress(images_total=images, images_done=done),
        "outputs": tuple(output(index, f"{url}/v1/jobs/job_1/images/{index}") for index in range(done)),
        "metrics": Metrics(),
        "attempt": 0,
        "max_attempts": 3,
        "request": {"prompt": "a circle"},
        "urls": JobUrls(
            self=f"{url}/v1/jobs/job_1",
            cancel=f"{url}/v1/jobs/job_1/cancel",
            events=f"{url}/v1/jobs/job_1/events",
        ),
    }
    return Job(**{**defaults, **other})


def output(index: int, url: str, data: bytes = IMAGE_BYTES) -> Output:
    return Output(
        index=index,
        url=url,
        signed_url=url,
        signed_url_expires_at=NOW,
        content_type="image/png",
        width=64,
        height=64,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pixel_sha256="0" * 64,
        seed=index,
    )


def grid(url: str) -> Grid:
    return Grid.model_validate({**output(0, url).model_dump(), "columns": 2, "rows": 1})


def problem(
    code: str, status: int, detail: str, errors: tuple[dict[str, str], ...] = (), **headers: str
) -> FakeResponse:
    """A problem document; header names are written with underscores."""
    body = {
        "type": f"https://renderq.example/problems/{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "instance": "/v1",
        "code": code,
        "retryable": status >= 500,
        "request_id": "req_1",
        "errors": list(errors),
    }
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return FakeResponse(status, body, {"Content-Type": "application/problem+json", **names})


def stream(*events: tuple[str, Job] | Preview, retry_ms: int = 0, until: threading.Event | None = None) -> FakeResponse:
    """An event stream; without `until` it breaks off after the events."""
    text = f"retry: {retry_ms}\n\n: comment\n\n{''.join(map(_written, events))}"
    return FakeResponse(200, text.encode(), {"Content-Type": "text/event-stream"}, until)


def _written(event: tuple[str, Job] | Preview) -> str:
    if isinstance(event, Preview):
        return f"event: preview\ndata: {event.model_dump_json()}\n\n"
    name, job = event
    return f"event: {name}\nid: {job.version}\ndata: {job.model_dump_json()}\n\n"


def preview(step: int, index: int = 0) -> Preview:
    """A preview whose file is its step."""
    data = base64.b64encode(str(step).encode())
    return Preview(index=index, step=step, steps=20, content_type="image/jpeg", width=64, height=64, data=data)


def script_finished_job(server: FakeService, images: int = 1, **other: Any) -> Job:
    """Script a job that is done at the first look, with its pictures."""
    done = job("succeeded", url=server.url, images=images, done=images, version=2, **other)
    server.on("POST", "/v1/jobs", FakeResponse(201, job(url=server.url, images=images)))
    server.on("GET", "/v1/jobs/job_1", FakeResponse(200, done, {"Preference-Applied": "wait=60"}))
    for index in range(images):
        server.on("GET", f"/v1/jobs/job_1/images/{index}", FakeResponse(200, IMAGE_BYTES))
    return done
