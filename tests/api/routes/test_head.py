"""HEAD is answered wherever GET is, with the same status and headers and without a body (RFC 9110, 9.3.2)."""

from functools import partial

import httpx2
import pytest

from tests.api.assets.image_files import image_file
from tests.api.problems import NO_JOB, problem
from tests.api.raw_connection import exchange, statuses
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

_VARYING = {"date", "x-request-id", "location"}
"""Headers that differ between any two responses; `location` has a new signature."""


_UNCOMPRESSED = {"Accept-Encoding": "identity"}
"""The compressed length of a body depends on the signatures in it."""


@pytest.fixture
def ids(http: httpx2.Client, worker: Worker) -> dict[str, str]:
    """Path parameter → an id that exists. A new path parameter needs an entry here."""
    request = {"prompt": "x", "output": {"grid": True}}
    batch_id = http.post("/v1/batches", json={"requests": [request]}).json()["id"]
    record = worker.finish(worker.claim())
    asset_id = http.post("/v1/assets", files={"file": image_file()}).json()["id"]
    ids = {"job_id": record.id, "batch_id": batch_id, "asset_id": asset_id}
    return {**ids, "index": "0", "name": "shapes", "key": "nothing"}


def is_answered_alike(http: httpx2.Client, url: str) -> bool:
    with http.stream("GET", url, headers=_UNCOMPRESSED) as got:
        response = http.head(url, headers=_UNCOMPRESSED)
        assert (response.status_code, response.content) == (got.status_code, b""), url
        return fields(response) == fields(got)


def test_head_is_answered_wherever_get_is(http: httpx2.Client, ids: dict[str, str]) -> None:
    paths = [path for path, operations in http.get("/openapi.json").json()["paths"].items() if "get" in operations]
    for path in (*paths, "/openapi.json"):
        url = path.format(**ids)
        wait_until(partial(is_answered_alike, http, url), path)  # what is told may change between GET and HEAD


def fields(response: httpx2.Response) -> dict[str, str]:
    # A response whose length is unknown is chunked; without a body it needs no framing.
    varying = _VARYING | {"transfer-encoding"}
    return {name: value for name, value in response.headers.items() if name not in varying}


def test_head_of_a_queued_jobs_events_ends(http: httpx2.Client) -> None:
    job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
    response = http.head(f"/v1/jobs/{job_id}/events")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")


def test_head_of_what_does_not_exist_is_not_found(http: httpx2.Client) -> None:
    for path in (f"/v1/jobs/{NO_JOB}", f"/v1/jobs/{NO_JOB}/events", "/v1/models/none", "/nowhere"):
        response = http.head(path)
        assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("host", ["Host: lb.internal:8080\r\n", "Host: 10.1.2.3\r\n", "Host:\r\n", ""])
def test_probes_need_no_name_of_this_machine(api: RunningApi, path: str, method: str, host: str) -> None:
    for version in ("1.0", "1.1") if host else ("1.0",):
        request = f"{method} {path} HTTP/{version}\r\n{host}Origin: https://lb.internal\r\nConnection: close\r\n\r\n"
        assert statuses(exchange(api, request.encode())) == [200]


def test_other_open_routes_still_do(http: httpx2.Client) -> None:
    problem(http.get("/openapi.json", headers={"Host": "lb.internal"}), "forbidden")
