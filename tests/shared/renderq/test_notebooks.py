"""What notebooks and logs show: images, and descriptions without keys, tokens and signatures."""

import base64
import io
import re
import subprocess
import sys

import pytest
from PIL import Image as Pillow

from renderq import AsyncClient, Client, JobEvent
from renderq.contract import Asset, JobError, JobErrorCode, Progress
from renderq.job_handle import JobHandle
from renderq.testing import FakeResponse, FakeService
from tests.shared.renderq.factories import job, output, preview

SECRETS = ("rq_secret", "hush", "token=", "signature=")


@pytest.fixture
def handle(client: Client) -> JobHandle:
    handle = client.submit("a cat", n=2, width=64, height=32, output={"grid": True})
    handle.wait()
    return handle


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (8, 8), "red").save(buffer, kind)
    return buffer.getvalue()


def test_an_image_shows_itself(handle: JobHandle) -> None:
    image = handle.images[0]
    assert image._repr_png_() == image.bytes()
    assert image._repr_jpeg_() is None
    assert image.pil().size == (64, 32)
    assert handle.grid is not None
    assert handle.grid.pil().size == (128, 32)


def test_several_images_show_themselves_side_by_side(server: FakeService, client: Client, handle: JobHandle) -> None:
    html = handle.images._repr_html_() or ""
    files = [base64.b64decode(each) for each in re.findall(r'src="data:image/png;base64,([^"]+)"', html)]
    assert files == [image.bytes() for image in handle.images]
    assert client.images(job())._repr_html_() is None


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_jpeg_and_webp_show_themselves_too(server: FakeService, client: Client, kind: str) -> None:
    data = encoded(kind)
    made = output(0, f"{server.url}/v1/jobs/job_1/images/0", data).model_copy(update={"content_type": f"image/{kind}"})
    server.on("GET", "/v1/jobs/job_1/images/0", FakeResponse(200, data))
    image = client.images(job("succeeded", outputs=(made,)))[0]
    assert image._repr_jpeg_() == (data if kind == "jpeg" else None)
    png = image._repr_png_()
    assert (png is None) == (kind == "jpeg")
    if png:
        assert Pillow.open(io.BytesIO(png)).format == "PNG"


def test_an_image_that_cannot_be_downloaded_shows_its_description(server: FakeService, handle: JobHandle) -> None:
    server.on("GET", "/v1/jobs/job_1/images/0", FakeResponse(404))
    assert handle.images[0]._repr_png_() is None
    assert handle.images._repr_html_() is None
    assert repr(handle.images[0]) == "<Image job_1 0, seed 42: 64×32 image/png>"


async def test_async_images_are_pil_images_too(server: FakeService) -> None:
    async with AsyncClient(server.url) as client:
        handle = await client.submit("a cat", width=64, height=32)
        await handle.wait()
        assert (await handle.images[0].pil()).size == (64, 32)
        assert repr(handle.images[0]) == "<AsyncImage job_1 0, seed 42: 64×32 image/png>"


WITHOUT_PILLOW = """
import sys
sys.modules["PIL"] = None
from renderq import Client
with Client(sys.argv[1]) as client:
    image = client.images(client.run("a cat"))[0]
    assert image._repr_png_()
    try: image.pil()
    except ImportError as error: print(error)
"""


def test_without_pillow_the_error_says_what_to_install(server: FakeService) -> None:
    argv = [sys.executable, "-c", WITHOUT_PILLOW, server.url]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("this needs Pillow: pip install 'renderq[inspect]'\n", "")


def test_descriptions_say_what_the_thing_is(client: Client) -> None:
    running = job("running", images=4, done=1, progress=Progress(step=12, steps=100, images_total=4))
    assert (
        repr(running)
        == "Job(id='job_1', status='running', task='txt2img', model='shapes', steps='12/100', images='1/4')"
    )
    failed = job("failed", error=JobError(code=JobErrorCode.INTERNAL, message="no", retryable=False))
    assert "error=JobError(code=" in repr(failed)
    assert repr(JobHandle(client._transport, running)) == f"<JobHandle {running!r}>"
    url = str(client._transport.configuration.base_url)
    assert repr(client) == f"<Client of {url} with an API key>"


def test_no_description_has_a_key_a_token_or_a_signature(client: Client) -> None:
    url = "http://127.0.0.1/v1/jobs/job_1"
    tokens = {"self": url, "cancel": f"{url}/cancel", "events": f"{url}/events?token=hush"}
    signed = output(0, f"{url}/images/0").model_copy(update={"signed_url": f"{url}?signature=hush"})
    whole = job("running", outputs=(signed,), urls=tokens, request={"prompt": "x", "image": f"{url}?signature=hush"})
    secret = Client("http://user:hush@127.0.0.1:8400", "rq_secret")
    things = [
        whole,
        whole.urls,
        signed,
        JobEvent("status", whole),
        JobEvent("preview", whole, preview(1)),
        JobHandle(secret._transport, whole),
        secret,
        AsyncClient("http://user:hush@127.0.0.1:8400", "rq_secret"),
        secret._transport.configuration,
        secret._transport.configuration.proxies,
        *secret.images(whole),
        secret.jobs,
        secret.assets,
        Asset,
    ]
    for thing in things:
        for text in (repr(thing), str(thing), f"{thing}"):
            assert not any(each in text for each in SECRETS), text
    assert len(repr(JobEvent("preview", whole, preview(1)))) < 500
    secret.close()
