"""Finished images: from their stable URL to a file."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from renderq import AsyncClient, Client, ConnectionFailed, ImageCorrupted, NotFound, UnexpectedResponse
from renderq._core.files import image_path, write_atomically
from renderq.testing import FakeResponse, FakeService
from tests.shared.renderq.factories import IMAGE_BYTES, grid, job, output, script_finished_job

IMAGE = "/v1/jobs/job_1/images/0"


def redirect(server: FakeService, store: FakeService) -> None:
    """The service redirects to the store, which redirects once more."""
    server.on("GET", IMAGE, FakeResponse(302, b"", {"Location": f"{store.url}/bucket/old?signature=s1"}))
    store.on("GET", "/bucket/old?signature=s1", FakeResponse(307, b"", {"Location": "/bucket/new?signature=s2"}))
    store.on("GET", "/bucket/new?signature=s2", FakeResponse(200, IMAGE_BYTES))


def test_the_key_goes_to_the_service_and_not_to_the_store(
    server: FakeService, store: FakeService, client: Client
) -> None:
    done = script_finished_job(server)
    redirect(server, store)
    assert client.images(done)[0].bytes() == IMAGE_BYTES
    assert [request.headers.get("Authorization") for request in server.received] == ["Bearer rq_secret"]
    assert [request.path.partition("?")[0] for request in store.received] == ["/bucket/old", "/bucket/new"]
    assert not any("Authorization" in request.headers for request in store.received)


async def test_async_keeps_the_key_too(server: FakeService, store: FakeService) -> None:
    done = script_finished_job(server)
    redirect(server, store)
    async with AsyncClient(server.url, "rq_secret") as client:
        assert await client.images(done)[0].bytes() == IMAGE_BYTES
    assert not any("Authorization" in request.headers for request in store.received)


def test_an_address_of_another_origin_never_gets_the_key(store: FakeService, client: Client) -> None:
    elsewhere = job("succeeded", outputs=(output(0, f"{store.url}{IMAGE}"),))
    store.on("GET", IMAGE, FakeResponse(200, IMAGE_BYTES))
    assert client.images(elsewhere)[0].bytes() == IMAGE_BYTES
    assert "Authorization" not in store.received[0].headers


def test_images_of_a_public_address_are_fetched_from_the_address_of_the_client(
    server: FakeService, client: Client
) -> None:
    """A client inside the network of a service that names its public address need not reach that."""
    public = "https://render.invalid/rq"
    done = job("succeeded", outputs=(output(0, f"{public}{IMAGE}"),))
    server.on("GET", IMAGE, FakeResponse(302, b"", {"Location": f"{public}/v1/files/a.png?signature=s"}))
    server.on("GET", "/v1/files/a.png?signature=s", FakeResponse(200, IMAGE_BYTES))
    assert client.images(done)[0].bytes() == IMAGE_BYTES
    assert server.received[0].headers["Authorization"] == "Bearer rq_secret"


def test_other_bytes_than_were_rendered_are_an_error(server: FakeService, client: Client, tmp_path: Path) -> None:
    done = script_finished_job(server)
    server.on("GET", IMAGE, FakeResponse(200, IMAGE_BYTES[:-1]))
    with pytest.raises(ImageCorrupted, match=r"image 0 from .* is damaged"):
        client.images(done)[0].save(tmp_path / "out.png")
    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_download_is_tried_again(server: FakeService, client: Client) -> None:
    done = script_finished_job(server)
    cut = FakeResponse(200, IMAGE_BYTES[:5], {"Content-Length": str(len(IMAGE_BYTES)), "Connection": "close"})
    server.on("GET", IMAGE, cut, FakeResponse(200, IMAGE_BYTES))
    assert client.images(done)[0].bytes() == IMAGE_BYTES


def test_a_store_that_says_no_is_an_error_without_the_signature(
    server: FakeService, store: FakeService, client: Client
) -> None:
    done = script_finished_job(server)
    server.on("GET", IMAGE, FakeResponse(302, b"", {"Location": f"{store.url}/gone?signature=s1"}))
    store.on("GET", "/gone?signature=s1", FakeResponse(404, b"<Error/>", {"Content-Type": "application/xml"}))
    with pytest.raises(NotFound, match=r"/gone returned 404 Not Found") as caught:
        client.images(done)[0].bytes()
    assert "s1" not in str(caught.value)


async def test_a_redirect_to_a_host_that_cannot_exist_is_an_error(server: FakeService, client: Client) -> None:
    done = script_finished_job(server)
    server.on("GET", IMAGE, FakeResponse(307, b"", {"Location": "http://store..example/0.png?signature=s1"}))
    with pytest.raises(ConnectionFailed, match=r"^http://store\.\.example/0\.png has no valid host"):
        client.images(done)[0].bytes()
    async with AsyncClient(server.url) as asynchronous:
        with pytest.raises(ConnectionFailed, match="has no valid host"):
            await asynchronous.images(done)[0].bytes()


def test_redirects_in_a_circle_end(server: FakeService, client: Client) -> None:
    done = script_finished_job(server)
    server.on("GET", IMAGE, FakeResponse(302, b"", {"Location": IMAGE}))
    with pytest.raises(UnexpectedResponse, match="an image was expected"):
        client.images(done)[0].bytes()


def test_save_returns_the_path_and_replaces_what_was_there(server: FakeService, client: Client, tmp_path: Path) -> None:
    done = script_finished_job(server)
    (tmp_path / "out.png").write_bytes(b"old")
    assert client.images(done)[0].save(tmp_path / "out.png") == tmp_path / "out.png"
    assert (tmp_path / "out.png").read_bytes() == IMAGE_BYTES


def test_all_are_saved_with_their_numbers(server: FakeService, client: Client, tmp_path: Path) -> None:
    done = script_finished_job(server, images=3)
    paths = client.images(done).save(f"{tmp_path}/new/out")
    assert [path.name for path in paths] == ["out-0.png", "out-1.png", "out-2.png"]
    assert all(path.read_bytes() == IMAGE_BYTES for path in paths)


async def test_async_saves_with_the_same_names(server: FakeService, tmp_path: Path) -> None:
    done = script_finished_job(server, images=2)
    async with AsyncClient(server.url) as client:
        one = await client.images(done)[1].save(tmp_path / "second")
        paths = await client.images(done).save(tmp_path)
    assert one == tmp_path / "second.png"
    assert [path.name for path in paths] == ["job_1-0.png", "job_1-1.png"]


async def test_the_grid_is_saved_under_a_name_of_its_own(server: FakeService, tmp_path: Path) -> None:
    done = script_finished_job(server, images=2, grid=grid(f"{server.url}/v1/jobs/job_1/images/grid"))
    server.on(
        "GET",
        "/v1/jobs/job_1/images/grid",
        FakeResponse(200, IMAGE_BYTES),
        FakeResponse(200, IMAGE_BYTES),
        FakeResponse(200, b"other"),
    )
    with Client(server.url) as client:
        assert client.submit("x").grid is None
        found = client.job("job_1").grid
        assert found is not None
        assert found.save(tmp_path) == tmp_path / "job_1-grid.png"
    async with AsyncClient(server.url) as client:
        handle = await client.job("job_1")
        assert await handle.grid.save(tmp_path / "all") == tmp_path / "all.png"
        with pytest.raises(ImageCorrupted, match="the grid from"):
            await client.grid(done).bytes()


@pytest.mark.parametrize(
    ("path", "images", "numbered", "expected"),
    [
        ("out.png", 1, True, "out.png"),
        ("out.png", 2, True, "out-1.png"),
        ("out.png", 2, False, "out.png"),
        ("out", 1, False, "out.png"),
        ("a.b/out", 2, True, "a.b/out-1.png"),
        ("out.PNG", 1, True, "out.PNG"),
        ("new/", 1, False, "new/job_1.png"),
        ("new/", 2, False, "new/job_1-1.png"),
        (".", 2, True, "job_1-1.png"),
    ],
)
def test_names_of_files(path: str, images: int, numbered: bool, expected: str) -> None:
    done = job("succeeded", images=images)
    assert image_path(path, done, output(1, ""), numbered=numbered) == Path(expected)


@pytest.mark.parametrize(("content_type", "suffix"), [("image/jpeg", ".jpg"), ("image/webp", ".webp"), ("x/y", "")])
def test_the_suffix_is_that_of_the_type(content_type: str, suffix: str) -> None:
    image = output(0, "").model_copy(update={"content_type": content_type})
    assert image_path("out", job(), image, numbered=False).name == f"out{suffix}"


def test_a_file_has_the_usual_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "out.png", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.png").stat().st_mode) == 0o640


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file" / "out.png", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"old")
    script = (
        "import resource, sys; from pathlib import Path; from renderq._core.files import write_atomically\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomically(Path(sys.argv[1]), bytes(5000))\n"
        "except OSError: print('full')"
    )
    argv = [sys.executable, "-c", script, str(tmp_path / "out.png")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("full\n", "")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.png", b"old")]


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_atomically(Path(os.devnull), b"x")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
