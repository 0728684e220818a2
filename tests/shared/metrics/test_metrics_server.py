"""Server of `/metrics`: answers scrapers whatever happens to the metrics, and asks nobody for its own name."""

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager

import httpx2
import pytest
from structlog.testing import capture_logs

from renderq_shared.metrics import MetricsServer


@contextmanager
def serve(page: Callable[[], bytes]) -> Generator[str]:
    server = MetricsServer("127.0.0.1", 0, page)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.close()


def test_metrics_that_fail_are_a_503_and_are_logged_once() -> None:
    def fail() -> bytes:
        raise TimeoutError

    with capture_logs() as logs, serve(fail) as url:
        answers = [httpx2.get(f"{url}/metrics", trust_env=False) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert [record["event"] for record in logs] == ["metrics.served", "metrics.failed"]


def test_only_metrics_are_served() -> None:
    with serve(lambda: b"renderq_up 1\n") as url:
        assert httpx2.get(f"{url}/metrics?name=x", trust_env=False).text == "renderq_up 1\n"
        assert httpx2.get(f"{url}/", trust_env=False).status_code == 404


def test_the_dns_is_not_asked_for_the_name_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(socket, "getfqdn", lambda name="": asked.append(name) or name)
    with serve(lambda: b""):
        assert asked == []
