"""Uploads of input images, including ones that are rejected before they are complete."""

import hashlib
import io
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from renderq.contract import LIMITS
from renderq_api.assets import UploadBudget, image_check
from renderq_shared.jobs import NewAsset, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.api.assets.image_files import FORMATS, image_file
from tests.api.problems import pointers, problem
from tests.api.running_api import RunningApi
from tests.api.script_count import scripts
from tests.job_store.time_travel import make_older, make_older_until
from tests.polling import wait_until
from tests.shared.renderq.image_files.infotexts import INFOTEXT, SETTINGS, exif_with

DAY_MS = 24 * 3_600_000
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
def budget(api: RunningApi) -> UploadBudget:
    return api.server._app.state.services.upload_budget


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with sync_client(redis_url) as client:
        yield client


def base(http: httpx2.Client) -> str:
    return str(http.base_url).rstrip("/")


def upload(http: httpx2.Client, data: bytes) -> dict[str, Any]:
    response = http.post("/v1/assets", files={"file": ("p", data)})
    assert response.status_code == 201, response.text
    assert response.headers["location"] == f"{base(http)}/v1/assets/{response.json()['id']}"
    return response.json()


def file_with(format: str, infotext: str) -> bytes:
    """Return a file that says with which settings it was made."""
    buffer, info = io.BytesIO(), PngInfo()
    info.add_itxt("parameters", infotext)
    options = {"pnginfo": info} if format == "PNG" else {"exif": exif_with(infotext)}
    Image.new("RGB", (8, 8)).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_an_upload_tells_with_which_settings_it_was_made(http: httpx2.Client, format: str) -> None:
    asset = upload(http, file_with(format, INFOTEXT))
    assert asset["recipe"] == {"task": "txt2img", **SETTINGS}
    assert http.get(f"/v1/assets/{asset['id']}").json()["recipe"] == asset["recipe"]
    assert upload(http, file_with(format, "a holiday"))["recipe"] is None


def objects(api: RunningApi) -> list[Path]:
    return [path for path in (api.settings.store_folder / "assets").rglob("*") if path.is_file()]


def part(name: str = 'form-data; name="file"; filename="x.png"', body: bytes = b"", *headers: bytes) -> bytes:
    head = b"\r\n".join((b"Content-Disposition: " + name.encode(), *headers))
    return b"--b\r\n" + head + b"\r\n\r\n" + body + b"\r\n"


@pytest.mark.parametrize("kind", list(FORMATS))
def test_an_image_is_kept_as_it_was_sent(http: httpx2.Client, kind: str) -> None:
    data = image_file(kind)
    digest = hashlib.sha256(data).hexdigest()
    asset = upload(http, data)
    created = datetime.fromisoformat(asset["created_at"])
    assert asset == {
        "id": f"asset_{digest}",
        "content_type": FORMATS[kind],
        "width": 24,
        "height": 16,
        "size_bytes": len(data),
        "sha256": digest,
        "created_at": asset["created_at"],
        "expires_at": (created + timedelta(days=7)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "recipe": None,
        "url": f"{base(http)}/v1/assets/asset_{digest}/content",
    }
    assert http.get(f"/v1/assets/{asset['id']}").json() == asset
    response = http.get(asset["url"])
    assert (response.status_code, http.head(asset["url"]).status_code) == (302, 302)
    served = http.get(response.headers["location"])
    assert (served.content, served.headers["content-type"]) == (data, FORMATS[kind])
    assert asset["id"] in served.headers["content-disposition"]


def test_the_same_bytes_are_the_same_asset_with_a_new_life(
    http: httpx2.Client, api: RunningApi, client: redis.Redis
) -> None:
    first = upload(http, image_file(width=23))
    make_older(client, 6 * DAY_MS)
    second = upload(http, image_file(width=23))
    assert second["id"] == first["id"]
    assert second["created_at"] < first["created_at"]
    assert second["expires_at"] >= first["expires_at"]
    assert len([path for path in objects(api) if first["id"] in path.name]) == 1


def test_an_asset_unused_for_long_is_deleted_with_its_object(
    http: httpx2.Client, api: RunningApi, client: redis.Redis
) -> None:
    asset = upload(http, image_file(width=25))
    assert any(asset["id"] in path.name for path in objects(api))
    make_older(client, 7 * DAY_MS)
    wait_until(lambda: http.get(f"/v1/assets/{asset['id']}").status_code == 404)
    problem(http.get(asset["url"]), "not_found")
    wait_until(lambda: not any(asset["id"] in path.name for path in objects(api)))
    assert upload(http, image_file(width=25))["id"] == asset["id"]


def test_an_object_that_was_removed_comes_back_with_the_next_upload(http: httpx2.Client, api: RunningApi) -> None:
    asset = upload(http, image_file(width=26))
    [path] = [path for path in objects(api) if asset["id"] in path.name]
    path.unlink()
    problem(http.get(http.get(asset["url"]).headers["location"]), "not_found")
    upload(http, image_file(width=26))
    assert path.read_bytes() == image_file(width=26)


def test_another_tenants_asset_is_not_there(http: httpx2.Client, store: RedisJobStore) -> None:
    asset_id = f"asset_{hashlib.sha256(image_file(width=27)).hexdigest()}"
    foreign = NewAsset(asset_id, "bob", f"assets/b/1/{asset_id}.png", "image/png", 27, 16, 100)
    store.call(commands.reserve_asset(foreign, 60_000))
    store.call(commands.commit_asset(foreign, 60_000))
    unknown = f"asset_{'0' * 64}"
    for name in (asset_id, unknown, "asset_", "asset_" + "G" * 64, "x"):
        problem(http.get(f"/v1/assets/{name}"), "not_found")
        problem(http.get(f"/v1/assets/{name}/content"), "not_found")
    own = upload(http, image_file(width=27))
    assert own["id"] == asset_id
    assert store.call(commands.get_asset("bob", asset_id)).key == foreign.key


def test_what_is_also_something_else_is_served_as_an_image_alone(http: httpx2.Client) -> None:
    polyglot = image_file() + b"<script>alert(1)</script>"
    asset = upload(http, polyglot)
    served = http.get(asset["url"], follow_redirects=True)
    assert (served.content, served.headers["content-type"]) == (polyglot, "image/png")
    assert served.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalid_request"),
        (image_file()[:-20], "invalid_request"),
        (b"<svg/>", "unsupported_media_type"),
        (image_file()[:16] + b"\0\0\xea\x60\0\0\xea\x60" + image_file()[24:], "invalid_request"),
    ],
    ids=["empty", "cut", "svg", "header changed"],
)
def test_what_is_no_image_is_refused_whatever_its_declared_type(http: httpx2.Client, data: bytes, code: str) -> None:
    document = problem(http.post("/v1/assets", files={"file": ("x.png", data, "image/png")}), code)
    assert pointers(document) == ({"/file": "input_unreadable"} if code == "invalid_request" else {})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b--\r\n", {"/file": "required"}),
        (part(body=image_file()) * 2 + b"--b--", {"/file": "too_many"}),
        (part('form-data; name="image"') + b"--b--", {"/image": "unknown_field"}),
        (part(body=image_file()) + part('form-data; name="strength"', b"1") + b"--b--", {"/strength": "unknown_field"}),
        (part("form-data") + b"--b--", {"/": "unknown_field"}),
        (part('form-data; name="%s"' % ("n" * 3_000)) + b"--b--", {"/" + "n" * 100: "unknown_field"}),
        (part(body=image_file()), {"": "not_a_form"}),
        (part(body=image_file()) + b"--b", {"": "not_a_form"}),
        (b"", {"": "not_a_form"}),
        (image_file(), {"": "not_a_form"}),
        (b"--c\r\n", {"": "not_a_form"}),
        (part('form-data; name="file"; name="x"', image_file()) + b"--b--", {"": "not_a_form"}),
        (part('form-data; name="x"; name="file"', image_file()) + b"--b--", {"": "not_a_form"}),
        (
            part('form-data; name="x"', image_file(), b'Content-Disposition: form-data; name="file"') + b"--b--",
            {"": "not_a_form"},
        ),
        (part('form-data; name="file"', b"", *[b"X: y"] * 8) + b"--b--", {"": "not_a_form"}),
        (part('form-data; name="file"', b"", b"X: " + b"y" * 5_000) + b"--b--", {"": "not_a_form"}),
    ],
)
def test_a_form_has_one_file_and_nothing_else(http: httpx2.Client, body: bytes, expected: dict[str, str]) -> None:
    response = http.post("/v1/assets", content=body, headers=FORM)
    assert pointers(problem(response, "invalid_request")) == expected


def test_what_is_wrong_inside_a_form_is_named(http: httpx2.Client) -> None:
    body = part('form-data; name="file"', b"", *[b"X: y"] * 8) + b"--b--"
    assert "header count" in problem(http.post("/v1/assets", content=body, headers=FORM), "invalid_request")["detail"]


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; note="; boundary=c"; boundary=b',
        "Multipart/Form-Data;; Boundary = b;",
        'multipart/form-data;boundary="b"',
    ],
)
def test_a_boundary_may_be_written_in_many_ways(http: httpx2.Client, content_type: str) -> None:
    body = part('form-data; filename="a; name=x; \\"; name=y"; name="file"', image_file()) + b"--b--"
    assert http.post("/v1/assets", content=body, headers={"Content-Type": content_type}).status_code == 201


def test_names_and_types_of_parts_are_ignored(http: httpx2.Client) -> None:
    for disposition in (
        'form-data; name="file"',
        'form-data; filename="../../x.php"; name=file',
        "form-data; name=file",
    ):
        body = part(disposition, image_file(), b"Content-Type: text/html") + b"--b--"
        assert http.post("/v1/assets", content=body, headers=FORM).json()["content_type"] == "image/png"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "image/png"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/mixed; boundary=b"},
        {**FORM, "Content-Encoding": "gzip"},
        [*FORM.items(), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")],
    ],
)
def test_other_bodies_are_not_taken(http: httpx2.Client, headers: dict[str, str] | list[tuple[str, str]]) -> None:
    response = http.post("/v1/assets", content=part(body=image_file()) + b"--b--", headers=headers)
    problem(response, "unsupported_media_type")
    assert response.headers["accept"] == "multipart/form-data"


@pytest.mark.parametrize(
    "boundary",
    ["", "; boundary=", "; boundary=" + "b" * 71, "; boundary=b; boundary=c", "; boundary=c; Boundary=b"],
)
def test_one_boundary_is_needed(http: httpx2.Client, boundary: str) -> None:
    headers = {"Content-Type": f"multipart/form-data{boundary}"}
    body = part(body=image_file()) + b"--b--"
    document = problem(http.post("/v1/assets", content=body, headers=headers), "invalid_request")
    assert "boundary" in document["detail"]


def test_a_file_of_the_largest_size_is_taken_and_not_one_byte_more(http: httpx2.Client) -> None:
    largest = image_file().ljust(LIMITS.asset_bytes)
    assert upload(http, largest)["size_bytes"] == LIMITS.asset_bytes
    document = problem(http.post("/v1/assets", files={"file": largest + b" "}), "asset_too_large")
    assert "33,554,432 bytes" in document["detail"]


@pytest.mark.parametrize("preamble", [b"", b"\r\n", b"This is a message in MIME format.\r\n", b"--x\r\n-\r\n"])
@pytest.mark.parametrize("epilogue", [b"", b"\r\n", b"\r\nNothing follows.\r\n"])
def test_text_around_the_form_has_no_meaning(http: httpx2.Client, preamble: bytes, epilogue: bytes) -> None:
    form = preamble + part(body=image_file()) + b"--b--" + epilogue
    for size in (len(form), 1):
        pieces = (form[start : start + size] for start in range(0, len(form), size))
        assert http.post("/v1/assets", content=pieces, headers=FORM).status_code == 201


def chunks(first: bytes, times: int) -> Iterator[bytes]:
    yield first
    for _ in range(times):
        yield b" " * (1 << 20)


@pytest.mark.parametrize("first", [part(body=image_file())[:-2], b"\r\n", part(body=image_file()) + b"--b--"])
def test_a_body_without_a_length_is_refused_when_it_grows_too_large(http: httpx2.Client, first: bytes) -> None:
    """In the file, before it and after it. The client gets the response although it is still sending."""
    response = http.post("/v1/assets", content=chunks(first, 40), headers=FORM)
    if first == b"\r\n":
        problem(response, "invalid_request")  # too much before the first boundary
    else:
        problem(response, "asset_too_large")
    assert response.headers["connection"] == "close"


def head(http: httpx2.Client, *headers: bytes) -> bytes:
    return b"\r\n".join((b"POST /v1/assets HTTP/1.1", b"Host: localhost", *headers, b"", b""))


def connect(http: httpx2.Client) -> socket.socket:
    return socket.create_connection((http.base_url.host, http.base_url.port), timeout=20)


CHUNKED = (b"Content-Type: multipart/form-data; boundary=b", b"Transfer-Encoding: chunked")


NO_FORM = b"1388\r\n" + b"x" * 5_000 + b"\r\n"
"""A chunk with more text than may precede the first boundary."""


def test_who_is_refused_may_finish_and_sees_an_orderly_end(http: httpx2.Client) -> None:
    """Closing a connection with unread data would reset it, and the response could be lost."""
    with connect(http) as connection:
        connection.sendall(head(http, *CHUNKED) + NO_FORM)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 422 ")
        for _ in range(8):
            connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(1) == b""


def endless(connection: socket.socket, piece: bytes) -> None:
    while True:
        connection.sendall(piece)


def test_a_body_that_never_ends_is_cut_off(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderq_api.http.lingering_close._BYTES", 1 << 20)
    with connect(http) as connection:
        connection.sendall(head(http, *CHUNKED) + NO_FORM)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 422 ")
        with pytest.raises(ConnectionError):
            endless(connection, b"100000\r\n" + b"x" * 0x100000 + b"\r\n")


def test_a_declared_size_is_refused_before_the_body_comes(http: httpx2.Client) -> None:
    with connect(http) as connection:
        length = b"Content-Length: %d" % (LIMITS.asset_bytes + (1 << 20))
        connection.sendall(head(http, CHUNKED[0], length))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("limit", ["_IDLE_S", "_UPLOAD_S"])
def test_an_upload_that_stalls_or_takes_too_long_is_rejected(
    http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(f"renderq_api.assets.uploads.{limit}", 0.05)
    with connect(http) as connection:
        connection.sendall(head(http, CHUNKED[0], b"Content-Length: 1000") + b"--b\r\n")
        response = connection.recv(65_536)
    assert response.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in response.lower()


def test_a_slow_upload_succeeds(http: httpx2.Client) -> None:
    body = part(body=image_file(width=28)) + b"--b--"
    with connect(http) as connection:
        connection.sendall(head(http, CHUNKED[0], b"Content-Length: %d" % len(body), b"Connection: close"))
        for position in range(len(body)):
            connection.sendall(body[position : position + 1])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201 ")


def test_a_client_that_disconnects_amid_its_upload_affects_no_other(http: httpx2.Client, budget: UploadBudget) -> None:
    with connect(http) as connection:
        connection.sendall(head(http, CHUNKED[0], b"Content-Length: 1000") + part(body=image_file())[:50])
        wait_until(lambda: budget.reserved_bytes > 0)
    wait_until(lambda: budget.reserved_bytes == 0)


def test_no_more_is_held_at_once_than_there_is_memory_for(
    http: httpx2.Client, budget: UploadBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.assets.upload_budget._BYTES", 1_000)
    with connect(http) as connection:
        connection.sendall(head(http, CHUNKED[0], b"Content-Length: 5000") + part(body=b"x" * 800))
        wait_until(lambda: budget.reserved_bytes > 800)
        problem(http.post("/v1/assets", files={"file": image_file()}), "service_unavailable")
    wait_until(lambda: budget.reserved_bytes == 0)
    upload(http, image_file())


def test_images_are_decoded_one_at_a_time(http: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    concurrency: list[int] = [0, 0]

    def check_counted(data: bytes) -> object:
        concurrency[0] += 1
        concurrency[1] = max(concurrency)
        try:
            return image_check.check_image(data)
        finally:
            concurrency[0] -= 1

    monkeypatch.setattr("renderq_api.assets.asset_store.check_image", check_counted)
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda width: upload(http, image_file(width=width, height=300)), range(300, 316)))
    assert concurrency == [0, 1]


def test_a_store_that_takes_nothing_is_said_to(
    http: httpx2.Client, api: RunningApi, client: redis.Redis, tmp_path: Path
) -> None:
    folder = api.settings.store_folder / "assets"
    upload(http, image_file())
    folder.rename(tmp_path / "away")
    folder.touch()
    problem(http.post("/v1/assets", files={"file": image_file(width=29)}), "storage_unavailable")
    folder.unlink()
    (tmp_path / "away").rename(folder)
    upload(http, image_file(width=29))
    make_older_until(client, 3_600_000, lambda: not client.exists("rq:removals", "rq:late-removals"))


def test_round_trips(http: httpx2.Client, redis_url: str) -> None:
    """Two for a new image, one for a known image, one to get an asset."""
    asset = upload(http, image_file(width=30))
    upload(http, image_file(width=30))
    new = image_file(width=31)
    new_id = hashlib.sha256(new).hexdigest()
    assert scripts(redis_url, lambda: upload(http, new), new_id) == 2
    assert scripts(redis_url, lambda: upload(http, new), new_id) == 1
    assert scripts(redis_url, lambda: http.get(f"/v1/assets/{asset['id']}"), asset["sha256"]) == 1
