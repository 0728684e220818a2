"""Input images with both clients and on the command line."""

import io
import json
from pathlib import Path

import pytest

from renderq import Asset, AsyncClient, Client, InvalidArgument, InvalidRequest, NotFound, RequestParams
from renderq._core.image_sources import read_image
from renderq.cli import main
from renderq.contract import LIMITS
from renderq.testing import DROPPED, FakeResponse, FakeService, problem
from tests.shared.renderq.factories import IMAGE_BYTES, job
from tests.shared.renderq.multipart import sent_file

ASSET = {
    "id": "asset_1",
    "content_type": "image/png",
    "width": 64,
    "height": 48,
    "size_bytes": len(IMAGE_BYTES),
    "sha256": "1",
    "created_at": "2026-01-31T12:00:00.000Z",
    "expires_at": "2026-02-07T12:00:00.000Z",
    "recipe": {"prompt": "a cat"},
    "url": "http://127.0.0.1/v1/assets/asset_1/content",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(IMAGE_BYTES)
    return path


def test_a_path_a_file_and_bytes_are_sent_alike(server: FakeService, client: Client, path: Path) -> None:
    server.on("POST", "/v1/assets", FakeResponse(201, ASSET))
    for source in (path, str(path), IMAGE_BYTES, io.BytesIO(IMAGE_BYTES)):
        asset = client.assets.upload(source)
        assert (asset.id, asset.width, asset.expires_at.year) == ("asset_1", 64, 2026)
    assert [sent_file(request) for request in server.received] == [IMAGE_BYTES] * 4


def test_an_upload_is_tried_again_with_all_of_its_bytes(server: FakeService, client: Client) -> None:
    server.on(
        "POST",
        "/v1/assets",
        DROPPED,
        problem("request_timeout", "late", retry_after=0),
        FakeResponse(201, ASSET),
    )
    assert client.assets.upload(io.BytesIO(IMAGE_BYTES)).id == "asset_1"
    assert [sent_file(request) for request in server.received] == [IMAGE_BYTES] * 3


async def test_the_async_client_does_the_same(server: FakeService, path: Path) -> None:
    server.on("POST", "/v1/assets", DROPPED, FakeResponse(201, ASSET))
    server.on("GET", "/v1/assets/asset_1", FakeResponse(200, ASSET))
    async with AsyncClient(server.url) as client:
        assert (await client.assets.upload(path)).id == "asset_1"
        assert (await client.assets.get("asset_1")).height == 48
    assert [sent_file(request) for request in server.received[:2]] == [IMAGE_BYTES] * 2


def test_a_refused_image_is_an_error(server: FakeService, client: Client) -> None:
    server.on("POST", "/v1/assets", problem("asset_too_large", "too large"))
    with pytest.raises(InvalidRequest) as refused:
        client.assets.upload(IMAGE_BYTES)
    assert refused.value.code == "asset_too_large"
    with pytest.raises(NotFound):
        client.assets.get("asset_2/x")
    assert server.received[-1].path == "/v1/assets/asset_2%2Fx"
    with pytest.raises(FileNotFoundError):
        client.assets.upload("nothing.png")


def test_of_a_huge_file_no_more_is_read_than_the_service_needs_to_refuse_it(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 40)
    assert len(read_image(tmp_path / "huge")) == LIMITS.asset_bytes + 1


def test_the_command_line_uploads_and_shows(
    server: FakeService, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    server.on("POST", "/v1/assets", FakeResponse(201, ASSET))
    server.on("GET", "/v1/assets/asset_1", FakeResponse(200, ASSET))
    server.on("GET", "/v1/assets/asset_2", FakeResponse(200, {**ASSET, "id": "asset_2", "expires_at": None}))
    assert main(["assets", "upload", str(path), str(path)]) == 0
    assert capsys.readouterr().out == "asset_1\nasset_1\n"
    assert main(["assets", "upload", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == [ASSET]
    assert main(["assets", "show", "--json", "asset_1"]) == 0
    assert json.loads(capsys.readouterr().out) == ASSET
    assert main(["assets", "show", "asset_1"]) == 0
    assert main(["assets", "show", "asset_2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "asset_1: image/png, 64×48, 37 bytes, kept until 2026-02-07 12:00",
        "asset_2: image/png, 64×48, 37 bytes, kept forever",
    ]
    assert main(["assets", "upload", "nothing.png"]) == 2
    assert capsys.readouterr().err == "renderq: nothing.png cannot be read: No such file or directory\n"
    assert main(["assets", "show", "asset_3"]) == 2


ID = f"asset_{'a' * 64}"
URL = "https://images.example/cat.png"
DATA = "data:image/png;base64,AAAA"


def test_local_images_are_uploaded_before_the_job_is_submitted(server: FakeService, client: Client, path: Path) -> None:
    server.on(
        "POST",
        "/v1/assets",
        FakeResponse(201, {**ASSET, "id": "asset_image"}),
        FakeResponse(201, {**ASSET, "id": "asset_mask"}),
    )
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    client.submit("a cat", image=path, mask=io.BytesIO(b"mask"), strength=0.9)
    assert [sent_file(request) for request in server.requests("POST", "/v1/assets")] == [IMAGE_BYTES, b"mask"]
    [submission] = server.requests("POST", "/v1/jobs")
    expected = {"prompt": "a cat", "task": "inpaint", "image": "asset_image", "mask": "asset_mask", "strength": 0.9}
    assert submission.json == expected


def test_local_images_of_a_list_take_their_places_in_it(server: FakeService, client: Client, path: Path) -> None:
    uploads = [FakeResponse(201, {**ASSET, "id": name}) for name in ("asset_1", "asset_2")]
    server.on("POST", "/v1/assets", *uploads)
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    client.submit("the cat in the hat", images=[path, "job_1/2", IMAGE_BYTES])
    [submission] = server.requests("POST", "/v1/jobs")
    assert submission.json == {
        "prompt": "the cat in the hat",
        "task": "edit",
        "images": ["asset_1", "job_1/2", "asset_2"],
    }


def test_one_image_is_no_list_of_images(client: Client, path: Path) -> None:
    with pytest.raises(InvalidArgument, match="images takes a list of images, not"):
        client.submit("a cat", images=path)  # type: ignore[arg-type]


async def test_the_async_client_uploads_too(server: FakeService) -> None:
    server.on("POST", "/v1/assets", FakeResponse(201, ASSET))
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    async with AsyncClient(server.url) as client:
        await client.submit("a cat", image=IMAGE_BYTES)
    assert server.received[-1].json == {"prompt": "a cat", "task": "img2img", "image": "asset_1"}


def test_references_are_sent_unchanged(server: FakeService, client: Client) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    wrapped = "DATA:image/png;BASE64,AA\nAA"
    for image in (Asset.model_validate({**ASSET, "id": ID}), ID, "job_1/2", URL, URL.upper(), DATA, wrapped):
        client.submit("a cat", image=image)
    assert [request.json["image"] for request in server.received] == [
        ID,
        ID,
        "job_1/2",
        URL,
        URL.upper(),
        DATA,
        wrapped,
    ]


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({}, None),
        ({"image": ID}, "img2img"),
        ({"image": ID, "mask": ID}, "inpaint"),
        ({"image": ID, "extend": {"left": 8}}, "outpaint"),
        ({"image": ID, "task": "variation"}, "variation"),
        ({"image": ID, "depth_map": ID}, "depth2img"),
        ({"image": ID, "depth_map": None, "noise_level": 0}, "upscale"),
        ({"image": None}, None),
    ],
)
def test_the_task_follows_from_the_images(
    server: FakeService, client: Client, fields: RequestParams, task: str | None
) -> None:
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    client.submit("a cat", **fields)
    assert server.received[-1].json.get("task") == task


def test_the_command_line_takes_images(
    server: FakeService, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RENDERQ_URL", server.url)
    server.on("POST", "/v1/assets", FakeResponse(201, {**ASSET, "id": ID}))
    server.on("POST", "/v1/jobs", FakeResponse(201, job()))
    assert main(["submit", "a cat", "--image", str(path), "--mask", URL, "--strength", "0.5"]) == 0
    expected = {"task": "inpaint", "image": ID, "mask": URL, "strength": 0.5}
    assert {name: server.received[-1].json[name] for name in expected} == expected
    assert main(["submit", "a cat", "--image", ID, "--extend", "left=64", "--extend", "top=8"]) == 0
    assert server.received[-1].json["extend"] == {"left": 64, "top": 8}
    assert main(["submit", "a cat", "--image", ID, "--depth-map", str(path)]) == 0
    assert (server.received[-1].json["task"], server.received[-1].json["depth_map"]) == ("depth2img", ID)
    assert main(["submit", "--image", ID, "--noise-level", "0"]) == 0
    assert server.received[-1].json.items() >= {"task": "upscale", "image": ID, "noise_level": 0}.items()
    assert "prompt" not in server.received[-1].json
    capsys.readouterr()
    assert main(["submit", "a cat", "--image", "nothing.png"]) == 2
    assert capsys.readouterr().err == "renderq: nothing.png cannot be read: No such file or directory\n"
    assert main(["submit", "a cat", "--extend", "left"]) == 2
