"""`If-Match` and `If-None-Match` on the routes of one job (RFC 9110, section 13)."""

from collections.abc import Callable

import httpx2
import pytest

from tests.api.problems import NO_JOB, problem
from tests.api.worker import Worker

Send = Callable[[httpx2.Client, str, dict[str, str]], httpx2.Response]

CHANGES: dict[str, Send] = {
    "keep": lambda http, url, headers: http.patch(url, json={"kept": True}, headers=headers),
    "cancel": lambda http, url, headers: http.post(f"{url}/cancel", headers=headers),
    "delete": lambda http, url, headers: http.delete(url, headers=headers),
}


@pytest.fixture
def url(http: httpx2.Client, worker: Worker) -> str:
    return f"/v1/jobs/{http.post('/v1/jobs', json={'prompt': 'x'}).json()['id']}"


@pytest.mark.parametrize("change", [*CHANGES, "get"])
@pytest.mark.parametrize("tag", ["current", 'W/"99"', '"1"', '"other", W/"1"'])
def test_if_match_names_no_job_because_its_etags_are_weak(http: httpx2.Client, url: str, change: str, tag: str) -> None:
    before = http.get(url)
    headers = {"If-Match": before.headers["etag"] if tag == "current" else tag}
    response = http.get(url, headers=headers) if change == "get" else CHANGES[change](http, url, headers)
    assert "RFC 9110" in problem(response, "precondition_failed")["detail"]
    assert response.headers["etag"] == before.headers["etag"]
    assert http.get(url).json()["version"] == before.json()["version"]


def test_any_version_may_be_asked_for(http: httpx2.Client, url: str) -> None:
    assert http.get(url, headers={"If-Match": "*"}).status_code == 200
    for change, status in (("keep", 200), ("cancel", 200), ("delete", 204)):
        assert CHANGES[change](http, url, {"If-Match": "*"}).status_code == status


@pytest.mark.parametrize("change", CHANGES)
def test_a_version_that_a_change_excludes_stays(http: httpx2.Client, url: str, change: str) -> None:
    before = http.get(url)
    for tag in (before.headers["etag"], "*"):
        problem(CHANGES[change](http, url, {"If-None-Match": tag}), "precondition_failed")
    assert http.get(url).json()["version"] == before.json()["version"]
    response = CHANGES[change](http, url, {"If-None-Match": 'W/"99"'})
    assert response.status_code == (409 if change == "delete" else 200)


@pytest.mark.parametrize("change", CHANGES)
def test_a_job_that_does_not_exist_is_a_404(http: httpx2.Client, change: str) -> None:
    for headers in ({"If-Match": "*"}, {"If-None-Match": "*"}, {"If-Match": 'W/"1"'}):
        document = problem(CHANGES[change](http, f"/v1/jobs/{NO_JOB}", headers), "not_found")
        assert "GET /v1/jobs lists the jobs of your key" in document["detail"]
