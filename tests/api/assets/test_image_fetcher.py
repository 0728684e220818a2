"""Remote input images: downloaded once, over TLS, within limits, only from allowed addresses."""

from collections.abc import Iterator

import httpx2
import pytest

from renderq_api.assets import ImageFetcher, ImageRejected
from renderq_api.egress import GuardedTransport
from renderq_shared.settings.addresses import parse_networks
from tests.api.assets.image_server import IMAGE_FILE, ImageServer, image_server
from tests.api.conftest import SettingsFor
from tests.api.problems import pointers, problem
from tests.api.running_api import RunningApi

LOOPBACK = parse_networks("127.0.0.1/32")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageServer]:
    with image_server(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def fetcher(server: ImageServer) -> ImageFetcher:
    return ImageFetcher(GuardedTransport(LOOPBACK, tls=server.ssl_context))


async def rejection(fetcher: ImageFetcher, url: str) -> tuple[str, str]:
    with pytest.raises(ImageRejected) as rejected:
        await fetcher.fetch(url, lambda _: None)
    return rejected.value.code, rejected.value.detail.removeprefix("The image could not be downloaded: ")


async def test_an_image_is_fetched_without_revealing_the_service(server: ImageServer, fetcher: ImageFetcher) -> None:
    chunk_sizes: list[int] = []
    assert await fetcher.fetch(f"{server.url}/good", chunk_sizes.append) == IMAGE_FILE
    assert sum(chunk_sizes) == len(IMAGE_FILE)
    _, headers = server.received[-1]
    assert (headers["User-Agent"], headers["Accept-Encoding"]) == ("renderq", "identity")
    assert not {"Authorization", "Cookie", "Referer"} & set(headers)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/redirect", "the URL redirects, and redirects are not followed."),
        ("/gzip", "the response is compressed, although the request forbids it."),
        ("/nothing", "the server responded with status 404."),
        ("/cut", "the connection failed (RemoteProtocolError)."),
    ],
)
async def test_what_is_no_image_at_that_address(
    server: ImageServer, fetcher: ImageFetcher, path: str, detail: str
) -> None:
    assert await rejection(fetcher, server.url + path) == ("input_unreachable", detail)


async def test_what_does_not_end_is_cut_off_when_it_is_too_large(server: ImageServer, fetcher: ImageFetcher) -> None:
    code, detail = await rejection(fetcher, f"{server.url}/endless")
    assert code == "asset_too_large"
    assert "33,554,432 bytes" in detail


async def test_what_does_not_come_is_not_waited_for(
    server: ImageServer, fetcher: ImageFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("renderq_api.assets.image_fetcher._FETCH_S", 0.3)
    assert (await rejection(fetcher, f"{server.url}/stalled"))[0] == "input_unreachable"


async def test_addresses_and_certificates_are_judged(server: ImageServer) -> None:
    request_count = len(server.received)
    code, _ = await rejection(ImageFetcher(GuardedTransport((), tls=server.ssl_context)), f"{server.url}/good")
    assert code == "input_unreachable"
    code, detail = await rejection(ImageFetcher(GuardedTransport(LOOPBACK)), f"{server.url}/good")
    assert (code, detail) == ("input_unreachable", "the connection failed (ConnectError).")
    assert len(server.received) == request_count


def test_a_job_is_made_of_an_image_elsewhere_and_a_repetition_asks_for_it_no_more(
    server: ImageServer, settings_for: SettingsFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httpx2, "create_ssl_context", lambda **_: server.ssl_context)
    body = {"prompt": "x", "task": "img2img", "image": f"{server.url}/good"}
    with RunningApi(settings_for(egress_allow="127.0.0.1/32")) as api, api.client() as http:
        key = {"Idempotency-Key": "order-17"}
        problem(http.post("/v1/jobs", json={**body, "image": f"{server.url}/page"}, headers=key), "invalid_request")
        request_count = len(server.received)
        job = http.post("/v1/jobs", json=body, headers=key).json()
        assert (job["request"]["width"], job["request"]["height"]) == (64, 48)
        asset = http.get(f"/v1/assets/{job['request']['image']}").json()
        assert http.get(asset["url"], follow_redirects=True).content == IMAGE_FILE
        again = http.post("/v1/jobs", json=body, headers=key)
        assert (again.json()["id"], again.headers["idempotency-replayed"]) == (job["id"], "true")
        problem(http.post("/v1/jobs", json={**body, "seed": 1}, headers=key), "idempotency_key_reuse")
        assert len(server.received) == request_count + 1
        rejected = http.post("/v1/jobs", json={**body, "image": f"{server.url}/nothing"})
        assert pointers(problem(rejected, "invalid_request")) == {"/image": "input_unreachable"}
