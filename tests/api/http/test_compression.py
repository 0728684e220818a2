"""gzip: JSON is compressed for those who accept it; images and event streams are not."""

import gzip
import re
from collections.abc import Iterator

import httpx2
import pytest

from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker


@pytest.fixture
def raw(api: RunningApi) -> Iterator[httpx2.Client]:
    """A client that asks for gzip and sees the bytes of the network."""
    with api.client(headers={"Accept-Encoding": "gzip"}) as client:
        yield client


def body(http: httpx2.Client, path: str, **headers: str) -> tuple[httpx2.Response, bytes]:
    with http.stream("GET", path, headers=headers) as response:
        return response, b"".join(response.iter_raw())


def test_long_json_is_compressed_and_says_so(raw: httpx2.Client) -> None:
    for number in range(5):
        raw.post("/v1/jobs", json={"prompt": f"a red circle {number}"})
    packed, data = body(raw, "/v1/jobs")
    plain, text = body(raw, "/v1/jobs", **{"Accept-Encoding": "identity"})
    assert (packed.headers["content-encoding"], packed.headers["content-length"]) == ("gzip", str(len(data)))
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(data) == text
    assert len(data) < len(text) / 3
    assert {packed.headers["vary"], plain.headers["vary"]} == {"Accept-Encoding"}


@pytest.mark.parametrize("path", ["/openapi.json", "/", "/ui/api.js"])
@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip;q=0", None), ("br, gzip ; q=0.0, *", None), ("GZIP", "gzip"), ("br;q=1, x-gzip;q=0.5", "gzip")],
)
def test_gzip_is_sent_to_those_who_accept_it(
    raw: httpx2.Client, path: str, accepted: str, encoding: str | None
) -> None:
    if path == "/ui/api.js":
        path = re.findall(r"/ui/\w+/api\.js", raw.get("/").text)[0]
    response, data = body(raw, path, **{"Accept-Encoding": accepted})
    assert response.headers.get("content-encoding") == encoding
    assert data.startswith(b"\x1f\x8b") == (encoding == "gzip")


def test_short_json_is_not(raw: httpx2.Client) -> None:
    response, data = body(raw, "/v1/stats")
    assert "content-encoding" not in response.headers
    assert data.startswith(b"{")


def test_a_job_keeps_its_etag_and_what_it_varies_by(raw: httpx2.Client) -> None:
    job_id = raw.post("/v1/jobs", json={"prompt": "x" * 3_000}).json()["id"]
    response, _ = body(raw, f"/v1/jobs/{job_id}")
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Prefer, Accept-Encoding"
    assert raw.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": response.headers["etag"]}).status_code == 304


def test_images_parts_of_them_and_event_streams_are_sent_as_they_are(raw: httpx2.Client, worker: Worker) -> None:
    job_id = raw.post("/v1/jobs", json={"prompt": "x" * 3_000}).json()["id"]
    worker.finish(worker.claim())
    (output,) = raw.get(f"/v1/jobs/{job_id}").json()["outputs"]
    for path, headers, expected in (
        (output["signed_url"], {}, IMAGE_BYTES),
        (output["signed_url"], {"Range": "bytes=0-1999"}, IMAGE_BYTES[:2_000]),
    ):
        response, data = body(raw, path, **headers)
        assert "content-encoding" not in response.headers
        assert data == expected
    response, data = body(raw, f"/v1/jobs/{job_id}/events")
    assert "content-encoding" not in response.headers
    assert b"event: done" in data
