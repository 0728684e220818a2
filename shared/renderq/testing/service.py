"""`FakeService`: a renderq service for tests."""

import threading
from collections.abc import Iterable
from typing import Self

from renderq.contract import Job, Model, ProblemKind
from renderq.testing.fake_job import JobScript
from renderq.testing.fake_state import FakeState, fake_model
from renderq.testing.http_server import DROPPED, FakeResponse, HttpServer, ReceivedRequest
from renderq.testing.responses import problem
from renderq.testing.routes import Routes

_WAIT_FOR_S = 60.0


class FakeService:
    """A renderq service on a free local port, for the duration of a `with` block.

    It validates requests with the contract's models, keeps jobs and assets in memory, and serves PNG files of plain
    color, whichever format was requested. It does not load models, use input images, or send webhooks.

    `models`: default: one model, `fake`, that supports every task. `api_key`: the key that clients must send.
    """

    def __init__(self, *, models: Iterable[Model] = (), api_key: str | None = None) -> None:
        self.received: list[ReceivedRequest] = []
        """All received requests, in order."""
        self.is_down = False
        """True if connections are closed without a response."""
        self._api_key = api_key
        self._scripted: dict[tuple[str, str], list[FakeResponse]] = {}
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._server = HttpServer(self._respond)
        self._state = FakeState(self.url, tuple(models) or (fake_model(),))
        self._routes = Routes(self._state, self._closed)

    @property
    def url(self) -> str:
        """URL for `Client(url)` or `RENDERQ_URL`."""
        return self._server.url

    @property
    def jobs(self) -> list[Job]:
        """Current snapshots of all jobs, oldest first."""
        return self._state.jobs()

    def script(self, *scripts: JobScript) -> None:
        """Set how the next jobs proceed, one script per job. Jobs without a script succeed immediately."""
        self._state.scripts.extend(scripts)

    def refuse(
        self,
        kind: ProblemKind | str = ProblemKind.QUEUE_FULL,
        detail: str = "",
        *,
        times: int = 1,
        retry_after: float | None = 0,
    ) -> None:
        """Respond to the next `times` submissions with this problem.

        The client retries retryable problems such as `queue_full` after `retry_after` seconds. To see the error, use
        `Client(max_retries=0)`, or as many `times` as it has attempts (5 by default). Raises `ValueError` for an
        unknown kind.
        """
        self._state.refusals.extend([problem(kind, detail, retry_after=retry_after)] * times)

    def on(self, method: str, path: str, *responses: FakeResponse) -> None:
        """Respond to a route with these responses, in order; the last one is repeated. `path` includes the query."""
        self._scripted[method, path] = list(responses)

    def requests(self, method: str, path: str) -> list[ReceivedRequest]:
        """Return the received requests to a route, in order."""
        return [request for request in self.received if (request.method, request.path) == (method, path)]

    def wait_for(self, method: str, path: str, times: int = 1) -> None:
        """Return once a route has been requested this often. Raises `AssertionError` after 60 s."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests(method, path)) >= times, timeout=_WAIT_FOR_S)
        if not arrived:
            raise AssertionError(f"{method} {path} was not requested {times} times within {_WAIT_FOR_S:g} s")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.close()

    def _respond(self, request: ReceivedRequest) -> FakeResponse:
        with self._changed:
            self.received.append(request)
            self._changed.notify_all()
            if self.is_down or self._closed.is_set():
                return DROPPED
            if scripted := self._scripted.get((request.method, request.path)):
                return scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if self._api_key and request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return problem(ProblemKind.UNAUTHORIZED)
        return self._routes.respond(request)
