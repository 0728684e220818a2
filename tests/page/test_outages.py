"""The page while the service is away, limits it, or signs addresses that expire."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import open_store
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.assets.image_files import image_file
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.page.browser import Tabs
from tests.page.conftest import MakeKey
from tests.page.services import own_api
from tests.page.views import PROMPT, card, expect_loaded, pictures, prompt_field, sign_in
from tests.polling import wait_until
from tests.s3_servers import S3Server
from tests.valkey_server import Valkey, free_port


def test_service_restart_is_survived_without_reload(tabs: Tabs, valkey: Valkey, redis_url: str, tmp_path: Path) -> None:
    tabs.expect_error("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|503")
    settings = ApiSettings(data=tmp_path, redis_url=redis_url, port=free_port())
    with RunningApi(settings) as api:
        page = tabs.open(api.url)
        prompt_field(page).fill("a red circle")
        prompt_field(page).press("Control+Enter")
        expect(card(page, "a red circle")).to_be_visible()
    expect(page.get_by_text("Not connected, trying again")).to_be_visible()
    expect(card(page, "a red circle")).to_be_visible()
    expect(page.locator("button.generate")).to_be_disabled()
    with RunningApi(settings):
        expect(page.get_by_text("Not connected, trying again")).not_to_be_attached()
        prompt_field(page).fill("a blue square")
        prompt_field(page).press("Control+Enter")
        expect(card(page, "a blue square")).to_be_visible()
        page.close()


def test_quota_counts_down_and_sends(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    tabs.expect_error("401|429")
    key = make_key(requests_per_minute=1_000)
    page = tabs.open(keyed_api.url, clock=True)
    with page.expect_response(lambda response: response.url.endswith("/v1/events") and response.ok):
        sign_in(page, key)
    expect(page.get_by_role("heading", name="Your first picture")).to_be_visible()  # all has been read
    with sync_client(keyed_api.settings.redis_url) as redis:
        for counter in redis.keys("*rq:rate*"):
            (minute,) = re.findall(r"/(\d{8})/", counter)
            for later in range(3):  # the next minute may begin before the page has sent its request
                redis.incrby(counter.replace(minute, str(int(minute) + later)), 1_000)
        prompt_field(page).fill("a red circle")
        prompt_field(page).press("Control+Enter")
        expect(page.get_by_text(re.compile(r"It is sent in \d+ s"))).to_be_visible()
        redis.delete(*redis.keys("*rq:rate*"))
    page.clock.fast_forward(61_000)
    expect(card(page, "a red circle")).to_be_visible()


def test_a_refused_repetition_says_why(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    tabs.expect_error("401|429")
    key = make_key(max_queued_jobs=1)
    finish_job(keyed_api, key)
    with keyed_api.client(headers={"Authorization": f"Bearer {key}"}) as http:
        http.post("/v1/jobs", json={"prompt": "waiting"}).raise_for_status()
    page = tabs.open(keyed_api.url)
    sign_in(page, key)
    card(page).get_by_role("button", name="More like it").click()
    expect(page.locator(".toast")).to_contain_text("It could not be submitted: Your queue is full")


def finish_job(api: RunningApi, key: str = "") -> None:
    """Submit a job and finish it with an image that browsers can decode."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with sync_client(api.settings.redis_url) as redis, api.client(headers=headers) as http:
        worker = Worker(RedisJobStore(redis), open_store(api.settings), image=image_file(width=64, height=64))
        worker.register()
        http.post("/v1/jobs", json={"prompt": PROMPT}).raise_for_status()
        worker.finish(worker.claim())


def test_signed_address_is_renewed(tabs: Tabs, tmp_path: Path) -> None:
    tabs.expect_error("403")
    with own_api(tmp_path, signed_url_seconds=1) as own, own.api.client() as http:
        finish_job(own.api)
        page = tabs.open(own.api.url, "/workers")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        signed_later = http.get("/v1/jobs").json()["data"][0]["outputs"][0]["signed_url"]
        wait_until(lambda: http.get(signed_later).status_code == 403)
        page.get_by_role("link", name="Create").click()
        expect(pictures(card(page))).to_be_visible()
        expect_loaded(pictures(card(page)))
        page.close()


def test_proxy_mode_shows_pictures(tabs: Tabs, tmp_path: Path) -> None:
    with own_api(tmp_path, image_delivery="proxy") as own:
        finish_job(own.api)
        page = tabs.open(own.api.url)
        expect(pictures(card(page))).to_be_visible()
        expect_loaded(pictures(card(page)))
        page.close()


@contextmanager
def api_on_s3(server: S3Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningApi]:
    """Run an API whose images are in a bucket, with one finished job."""
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    if "page-images" not in [bucket["Name"] for bucket in server.client().list_buckets()["Buckets"]]:
        server.client().create_bucket(Bucket="page-images")
    with own_api(folder, store="s3://page-images") as own:
        finish_job(own.api)
        yield own.api


def test_s3_pictures_are_shown_and_saved(
    tabs: Tabs, ministack: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api_on_s3(ministack, tmp_path, monkeypatch) as api:
        tabs.allow_origin(ministack.endpoint)
        page = tabs.open(api.url)
        expect(pictures(card(page))).to_be_visible()
        expect_loaded(pictures(card(page)))
        card(page).get_by_role("button", name="Open picture 1").click()
        with page.expect_download() as download:
            page.get_by_role("dialog").get_by_role("button", name="Download").click()
        download.value.save_as(tmp_path / "saved.png")
        with api.client() as http:
            address = http.get("/v1/jobs").json()["data"][0]["outputs"][0]["url"]
            assert (tmp_path / "saved.png").read_bytes() == http.get(address, follow_redirects=True).content
        page.close()


def test_a_store_that_shows_pictures_instead_of_saving_them_leaves_the_page_alone(
    tabs: Tabs, nanio: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tabs.expect_error("favicon.ico")
    with api_on_s3(nanio, tmp_path, monkeypatch) as api:
        tabs.allow_origin(nanio.endpoint)
        page = tabs.open(api.url)
        expect(pictures(card(page))).to_be_visible()
        expect_loaded(pictures(card(page)))
        card(page).get_by_role("button", name="Open picture 1").click()
        with page.context.expect_page() as shown:
            page.get_by_role("dialog").get_by_role("button", name="Download").click()
        expect(shown.value).to_have_url(re.compile(re.escape(nanio.endpoint)))
        expect(page.get_by_role("dialog")).to_be_visible()
        page.close()
