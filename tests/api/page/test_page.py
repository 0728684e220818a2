"""The web page over HTTP: addresses, caching, policy, access."""

import base64
import gzip
import hashlib
import re
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from renderq_api.page import Page
from renderq_api.page.site import FOLDER
from tests.api.conftest import SettingsFor
from tests.api.page.addresses import VIEWS, files_path
from tests.api.problems import problem
from tests.api.raw_connection import exchange, statuses
from tests.api.running_api import RunningApi
from tests.s3_servers import S3Server

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def files(http: httpx2.Client) -> str:
    """Path of the folder of the page's files, with a slash at its end."""
    return files_path(http)


def policy(response: httpx2.Response) -> dict[str, str]:
    """Return directive → values of the Content-Security-Policy."""
    return dict(each.split(" ", 1) for each in response.headers["content-security-policy"].split("; "))


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_is_the_same_document(http: httpx2.Client, path: str) -> None:
    shown, first = http.get(path), http.get("/")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert shown.content == first.content
    assert shown.headers["cache-control"] == "no-cache"


def test_index_304(http: httpx2.Client) -> None:
    etag = http.get("/").headers["etag"]
    for sent in (etag, f'"other", {etag}', etag.removeprefix("W/"), "*"):
        again = http.get("/queue", headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert again.headers["vary"] == "Accept-Encoding"
        assert "content-security-policy" in again.headers
    lines = [("If-None-Match", '"other"'), ("If-None-Match", etag)]
    assert http.get("/", headers=lines).status_code == 304
    assert http.get("/", headers={"If-None-Match": '"other"'}).status_code == 200


def test_policy(http: httpx2.Client) -> None:
    response = http.get("/")
    import_map = re.search(r'<script type="importmap">(.*?)</script>', response.text)
    assert import_map
    digest = base64.b64encode(hashlib.sha256(import_map[1].encode()).digest()).decode()
    assert response.headers["content-security-policy"] == (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    expected = {
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
    }
    assert {name: response.headers.get(name) for name in expected} == expected
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("vendor/preact.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("manifest.json", "application/json"),
        ("vendor/LICENSE.htm", "text/plain; charset=utf-8"),
    ],
)
def test_files_are_immutable_and_compressed(http: httpx2.Client, files: str, name: str, media_type: str) -> None:
    body = (FOLDER / name).read_bytes()
    for encoding, sent in (("identity", body), ("gzip, br", gzip.compress(body, mtime=0))):
        with http.stream("GET", files + name, headers={"Accept-Encoding": encoding}) as response:
            assert b"".join(response.iter_raw()) == sent
        headers = response.headers
        assert (response.status_code, headers["content-type"], headers["cache-control"]) == (200, media_type, IMMUTABLE)
        assert set(headers["vary"].split(", ")) == {"Accept-Encoding"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers.get("content-encoding") == ("gzip" if "gzip" in encoding else None)


def test_other_digests_and_names_are_not_found_and_not_stored(http: httpx2.Client, files: str) -> None:
    for path in ("/ui/0123456789ab/main.js", f"{files}nothing.js", f"{files}index.html", files, "/ui/x/"):
        response = http.get(path)
        assert (response.status_code, response.headers["cache-control"]) == (404, "no-store"), path


@pytest.mark.parametrize(
    "name", ["../site.py", "..%2fsite.py", "%2e%2e/site.py", "vendor/../../site.py", "%2fetc%2fpasswd", "..\\site.py"]
)
def test_no_way_leads_out_of_the_folder(api: RunningApi, http: httpx2.Client, files: str, name: str) -> None:
    request = f"GET {files}{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = exchange(api, request.encode())
    assert statuses(received) == [404]
    assert b"import" not in received


def test_head_has_the_headers_of_get(http: httpx2.Client, files: str) -> None:
    for path in (*VIEWS, f"{files}main.js"):
        got, head = http.get(path), http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        varying = {"date", "x-request-id"}
        assert {k: v for k, v in head.headers.items() if k not in varying} == {
            k: v for k, v in got.headers.items() if k not in varying
        }


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed(http: httpx2.Client, files: str, method: str) -> None:
    for path in ("/", "/jobs/job_1", f"{files}main.js"):
        response = http.request(method, path)
        problem(response, "method_not_allowed")
        assert response.headers["allow"] == "GET, HEAD"


def test_without_keys_the_page_is_shown_to_this_machine_only(http: httpx2.Client, files: str) -> None:
    for path in (*VIEWS, f"{files}main.js"):
        problem(http.get(path, headers={"Host": "render.example.org"}), "forbidden")
        problem(http.get(path, headers={"X-Forwarded-For": "9.9.9.9"}), "forbidden")


def test_the_page_can_be_switched_off(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(page="off", keys="required")) as api, api.client() as http:
        for path in VIEWS:
            problem(http.get(path), "unauthorized")


def test_a_switched_off_page_is_not_found(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(page="off")) as api, api.client() as http:
        for path in (*VIEWS, "/ui/0123456789ab/main.js"):
            problem(http.get(path), "not_found")


def test_dev_is_a_mode_in_which_browsers_store_nothing(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(page="dev")) as api, api.client() as http:
        responses = [http.get("/"), http.get(files_path(http) + "main.js"), http.get("/ui/any/main.js")]
    assert [(each.status_code, each.headers["cache-control"]) for each in responses] == [(200, "no-store")] * 3


async def test_a_live_page_shows_changes_of_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("${base} ${files}/main.js ${modules}")
    (tmp_path / "main.js").write_text("1")
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "imports.json").write_text("{}")
    page = Page(lambda _: "", tuple, live=True, folder=tmp_path)
    transport = httpx2.ASGITransport(Starlette(routes=page.routes))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        before = await http.get("/")
        (tmp_path / "main.js").write_text("2")
        after, file = await http.get("/"), await http.get(before.text.split()[1])
    assert after.text != before.text
    assert file.text == "2"


@pytest.mark.parametrize("strips", [True, False])
def test_the_page_works_below_a_path_prefix(settings_for: SettingsFor, strips: bool) -> None:
    prefix = "" if strips else "/rq"
    with RunningApi(settings_for(public_url="https://render.example:8443/rq")) as api, api.client() as http:
        index = http.get(f"{prefix}/jobs/job_1")
        assert 'data-base="/rq/"' in index.text
        assert http.get(prefix or "/").text == index.text
        address = re.search(r'src="(/rq/[^"]+)"', index.text)
        assert address
        assert http.get(address[1].removeprefix("/rq") if strips else address[1]).status_code == 200
        assert policy(index)["img-src"] == "'self' data: blob: https://render.example:8443"


@pytest.mark.parametrize(("delivery", "allowed"), [("redirect", True), ("proxy", False)])
def test_images_may_come_from_the_store(
    settings_for: SettingsFor, nanio: S3Server, monkeypatch: pytest.MonkeyPatch, delivery: str, allowed: bool
) -> None:
    for name, value in nanio.env.items():
        monkeypatch.setenv(name, value)
    if "page-images" not in [bucket["Name"] for bucket in nanio.client().list_buckets()["Buckets"]]:
        nanio.client().create_bucket(Bucket="page-images")
    settings = settings_for(
        store="s3://page-images", s3_public_endpoint="https://images.example.com:9000", image_delivery=delivery
    )
    with RunningApi(settings) as api, api.client() as http:
        found = policy(http.get("/"))["img-src"].split()
    assert (
        "https://images.example.com:9000" in found or "https://page-images.images.example.com:9000" in found
    ) is allowed
