"""Finished images: stable URLs and signed URLs."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from renderq_shared.objects import FolderStore
from renderq_shared.objects.signed_paths import signed_path
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, THUMBNAIL_BYTES, Worker
from tests.polling import wait_until


@pytest.fixture
def objects(api: RunningApi) -> FolderStore:
    return FolderStore(api.settings.store_folder)


@pytest.fixture
def job(http: httpx2.Client, worker: Worker) -> dict[str, object]:
    """A job with two finished images and their grid."""
    job_id = http.post("/v1/jobs", json={"prompt": "x", "n": 2, "output": {"grid": True}}).json()["id"]
    worker.finish(worker.claim())
    return http.get(f"/v1/jobs/{job_id}").json()


@pytest.fixture
def signed(job: dict[str, list[dict[str, str]]]) -> str:
    return job["outputs"][0]["signed_url"]


def test_stable_address_leads_to_the_image(http: httpx2.Client, job: dict[str, Any]) -> None:
    assert job["grid"]["url"] == f"{job['urls']['self']}/images/grid"
    assert http.get(job["grid"]["signed_url"]).content == IMAGE_BYTES
    for output in (*job["outputs"], job["grid"]):
        response = http.get(output["url"])
        assert (response.status_code, response.headers["cache-control"]) == (302, "no-store")
        assert http.get(response.headers["location"]).content == IMAGE_BYTES
        assert http.head(output["url"]).status_code == 302


def test_a_thumbnail_has_addresses_of_its_own_and_goes_with_its_image(
    api: RunningApi, http: httpx2.Client, worker: Worker, job: dict[str, Any], objects: FolderStore
) -> None:
    assert [output["thumbnail"] for output in job["outputs"]] == [None, None], "an earlier version, or a small image"
    assert "no thumbnail" in problem(http.get(f"{job['urls']['self']}/images/0/thumbnail"), "not_found")["detail"]
    made = http.post("/v1/jobs", json={"prompt": "x", "n": 2}).json()
    worker.finish(worker.claim(), thumbnails=True)
    for output in http.get(made["urls"]["self"]).json()["outputs"]:
        small = output["thumbnail"]
        assert small["url"] == f"{output['url']}/thumbnail"
        assert (small["width"], small["height"]) == (320, 160)
        for address in (small["signed_url"], http.get(small["url"]).headers["location"]):
            response = http.get(address)
            assert (response.content, response.headers["content-type"]) == (THUMBNAIL_BYTES, "image/webp")
    http.delete(made["urls"]["self"])
    wait_until(lambda: not list(objects.keys(f"jobs/{made['id']}/")))
    problem(http.get(small["signed_url"]), "not_found")


def test_signed_address_needs_nothing_else(
    http: httpx2.Client, job: dict[str, list[dict[str, str]]], signed: str
) -> None:
    response = http.get(signed)
    assert (response.status_code, response.content) == (200, IMAGE_BYTES)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-length"] == str(len(IMAGE_BYTES))
    assert response.headers["content-disposition"] == f'inline; filename="{job["id"]}-0.png"'
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["accept-ranges"] == "bytes"
    assert "private" in response.headers["cache-control"]


def test_signed_address_says_when_it_expires(
    api: RunningApi, job: dict[str, list[dict[str, str]]], signed: str
) -> None:
    [expires] = parse_qs(urlsplit(signed).query)["expires"]
    assert abs(int(expires) - time.time() - api.settings.signed_url_seconds) < 60
    assert job["outputs"][0]["signed_url_expires_at"].endswith("Z")


def test_head_has_the_headers_alone(http: httpx2.Client, signed: str) -> None:
    got, head = http.get(signed), http.head(signed)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("range_header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-9", 0, 10),
        ("bytes=100-", 100, len(IMAGE_BYTES)),
        ("bytes=-5", len(IMAGE_BYTES) - 5, len(IMAGE_BYTES)),
        ("bytes=-999999", 0, len(IMAGE_BYTES)),
        ("bytes=2000-999999", 2000, len(IMAGE_BYTES)),
        ("Bytes = 3 - 4", 3, 5),
    ],
)
def test_range(http: httpx2.Client, signed: str, range_header: str, start: int, end: int) -> None:
    response = http.get(signed, headers={"Range": range_header})
    assert (response.status_code, response.content) == (206, IMAGE_BYTES[start:end])
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(IMAGE_BYTES)}"
    assert response.headers["content-length"] == str(end - start)
    head = http.head(signed, headers={"Range": range_header})  # RFC 9110, 14.2: GET alone has ranges
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(IMAGE_BYTES)))


@pytest.mark.parametrize(
    "range_header", [f"bytes={len(IMAGE_BYTES)}-", "bytes=999999-", "bytes=-0", "bytes=9999-99999"]
)
def test_range_outside_the_file(http: httpx2.Client, signed: str, range_header: str) -> None:
    response = http.get(signed, headers={"Range": range_header})
    problem(response, "range_not_satisfiable")
    assert response.headers["content-range"] == f"bytes */{len(IMAGE_BYTES)}"


@pytest.mark.parametrize(
    "range_header", ["bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "0-1", "bytes=a-b", ""]
)
def test_what_is_no_single_range_gets_the_whole_file(http: httpx2.Client, signed: str, range_header: str) -> None:
    response = http.get(signed, headers={"Range": range_header})
    assert (response.status_code, response.content) == (200, IMAGE_BYTES)


def test_if_range_of_another_content_gets_the_whole_file(http: httpx2.Client, signed: str) -> None:
    etag = http.get(signed).headers["etag"]
    assert http.get(signed, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert http.get(signed, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).status_code == 200
    several = [("Range", "bytes=0-1"), ("If-Range", etag), ("If-Range", '"other"')]
    assert http.get(signed, headers=several).status_code == 200


def test_ranges_in_several_lines_are_several_ranges(http: httpx2.Client, signed: str) -> None:
    response = http.get(signed, headers=[("Range", "bytes=0-1"), ("Range", "bytes=3-4")])
    assert (response.status_code, response.content) == (200, IMAGE_BYTES)


def test_unchanged_file_is_304(http: httpx2.Client, signed: str) -> None:
    etag = http.get(signed).headers["etag"]
    for sent in ([etag], [f'"other", W/{etag}'], ['"other"', etag], ["*"]):
        response = http.get(signed, headers=[("If-None-Match", line) for line in sent])
        assert (response.status_code, response.content) == (304, b"")


def test_a_file_that_if_match_does_not_name_is_not_sent(http: httpx2.Client, signed: str) -> None:
    etag = http.get(signed).headers["etag"]
    for sent in (['"other"'], [f"W/{etag}"], ['"other"', '"another"']):
        headers = [("If-Match", line) for line in sent] + [("If-None-Match", etag), ("Range", "bytes=99999-")]
        assert etag in problem(http.get(signed, headers=headers), "precondition_failed")["detail"]
        assert http.head(signed, headers=headers).status_code == 412
    for sent in ([etag], ['"other"', etag], ["*"]):
        headers = [("If-Match", line) for line in sent] + [("Range", "bytes=0-1")]
        assert http.get(signed, headers=headers).content == IMAGE_BYTES[:2]


def test_every_change_of_the_address_is_refused(http: httpx2.Client, signed: str) -> None:
    parts = urlsplit(signed)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    for position in range(len(query["signature"])):
        letter = "A" if query["signature"][position] != "A" else "B"
        tampered = query["signature"][:position] + letter + query["signature"][position + 1 :]
        if position < len(query["signature"]) - 1:  # two bits of the last letter are unused
            problem(http.get(parts.path, params={**query, "signature": tampered}), "forbidden")
    later = str(int(query["expires"]) + 1)
    for changed in (
        {"expires": later},
        {"expires": query["expires"] + "0"},
        {"expires": "-1"},
        {"expires": "٣"},
        {"expires": "1e9"},
        {"signature": ""},
        {"signature": "é"},
        {"signature": query["signature"] + "="},
        {"download": "1"},
    ):
        problem(http.get(parts.path, params={**query, **changed}), "forbidden")
    problem(http.get(parts.path), "forbidden")
    problem(http.get(parts.path, params={"expires": query["expires"]}), "forbidden")
    problem(http.get(f"{parts.path}?{parts.query}&{parts.query}"), "forbidden")
    problem(http.get(parts.path.replace("/0.png", "/1.png"), params=query), "forbidden")


def test_expired_address_is_refused(
    http: httpx2.Client, job: dict[str, str], objects: FolderStore, signed: str
) -> None:
    key = urlsplit(signed).path.removeprefix("/v1/files/")
    assert http.get(objects.signed_url(key, 60).url).status_code == 200
    document = problem(http.get(objects.signed_url(key, -1).url), "forbidden")
    assert "expired" in document["detail"]


def test_another_stores_signature_is_refused(
    http: httpx2.Client, objects: FolderStore, signed: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = FolderStore(tmp_path_factory.mktemp("other"))
    problem(http.get(other.signed_url(urlsplit(signed).path.removeprefix("/v1/files/"), 60).url), "forbidden")


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "/etc/passwd",
        ".renderq/signing-key",
        "jobs/../.renderq/signing-key",
        "jobs//x.png",
        "jobs/%00.png",
        "jobs/.hidden",
    ],
)
def test_no_key_leads_out_of_the_folder_even_with_a_signature(
    http: httpx2.Client, objects: FolderStore, key: str
) -> None:
    """Only the service itself can make such a signature; the store rejects the key anyway."""
    path = signed_path(objects._signing_key.get(), key, int(time.time()) + 60)
    response = http.get(str(http.base_url).rstrip("/") + path)
    assert response.status_code in {403, 404}, response.text


def test_file_that_is_gone(http: httpx2.Client, job: dict[str, str], objects: FolderStore, signed: str) -> None:
    assert objects.delete_prefix(f"jobs/{job['id']}/") in {3, 4}  # the manifest may be there already
    problem(http.get(signed), "not_found")


def test_an_image_has_one_address(http: httpx2.Client, job: dict[str, str]) -> None:
    for index in ("00", "0.0", "+0", "-0", "0_0", "0%20", "\uff10"):
        problem(http.get(f"/v1/jobs/{job['id']}/images/{index}"), "not_found")


def test_image_that_is_not_there(http: httpx2.Client, job: dict[str, str]) -> None:
    for index in (2, 99, 10**30):
        problem(http.get(f"/v1/jobs/{job['id']}/images/{index}"), "not_found")
    queued = http.post("/v1/jobs", json={"prompt": "x"}).json()
    document = problem(http.get(f"{queued['urls']['self']}/images/0"), "not_found")
    assert "queued" in document["detail"]
    assert "output.grid" in problem(http.get(f"{queued['urls']['self']}/images/grid"), "not_found")["detail"]
