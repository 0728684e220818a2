"""Workers: what admins see of them; drain; failed jobs."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from renderq_shared.access import Role
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.page.browser import Tabs
from tests.page.conftest import MakeKey
from tests.page.views import PROMPT, sign_in, sign_in_dialog
from tests.polling import wait_until


def worker_card(page: Page) -> Locator:
    return page.get_by_role("article", name="worker-1")


def drain_button(page: Page) -> Locator:
    return worker_card(page).get_by_role("button", name="Drain")


@pytest.mark.usefixtures("worker")
def test_a_worker_is_drained_after_a_question(tabs: Tabs, api: RunningApi, store: RedisJobStore) -> None:
    page = tabs.open(api.url, "/workers")
    expect(worker_card(page)).to_contain_text("1.45 GB")
    expect(worker_card(page)).to_contain_text("8.59 GB of 68.7 GB")
    drain_button(page).click()
    dialog = page.get_by_role("dialog", name="Drain worker-1?")
    dialog.get_by_role("button", name="Keep it running").click()
    expect(dialog).not_to_be_attached()
    assert not store.call(commands.workers())[0].draining
    drain_button(page).click()
    dialog.get_by_role("button", name="Drain", exact=True).click()
    expect(worker_card(page)).to_contain_text("Finishing its jobs, takes no more")
    expect(drain_button(page)).not_to_be_attached()
    assert store.call(commands.workers())[0].draining


@pytest.mark.usefixtures("worker")
def test_a_worker_that_has_ended_meanwhile_is_said_to_be_gone(
    tabs: Tabs, api: RunningApi, store: RedisJobStore
) -> None:
    tabs.expect_error("404")
    page = tabs.open(api.url, "/workers")
    drain_button(page).click()
    store.call(commands.unregister("worker-1"))
    page.get_by_role("dialog").get_by_role("button", name="Drain", exact=True).click()
    expect(page.get_by_text("Worker not found. Live workers: none.")).to_be_visible()


def test_users_see_numbers_only(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    tabs.expect_error("401")
    with sync_client(keyed_api.settings.redis_url) as redis:
        Worker(RedisJobStore(redis), FolderStore(keyed_api.settings.store_folder)).register()
    page = tabs.open(keyed_api.url, "/workers")
    sign_in(page, make_key())
    expect(sign_in_dialog(page)).not_to_be_attached()
    expect(page.get_by_text("Names and devices are shown with an admin's key.")).to_be_visible()
    expect(drain_button(page)).not_to_be_attached()
    page.close()
    page = tabs.open(keyed_api.url, "/workers")
    sign_in(page, make_key(role=Role.ADMIN))
    expect(drain_button(page)).to_be_visible()


def test_failed_jobs_are_counted_by_cause(tabs: Tabs, api: RunningApi, worker: Worker) -> None:
    with api.client() as http:
        for _ in range(2):
            http.post("/v1/jobs", json={"prompt": PROMPT}).raise_for_status()
            worker.fail(worker.claim())
        job = http.post("/v1/jobs", json={"prompt": PROMPT}).json()["id"]
        http.post(f"/v1/jobs/{job}/cancel").raise_for_status()
        wait_until(lambda: sum(each["jobs"] for each in http.get("/v1/failures").json()["data"]) == 2)
    page = tabs.open(api.url, "/workers")
    expect(page.get_by_role("img", name="Ended jobs: 0 done, 2 failed, 1 canceled")).to_be_visible()
    row = page.get_by_role("region", name="Failed jobs of the last 7 days").get_by_role("row", name="nan_output")
    expect(row.get_by_role("cell")).to_have_text(["shapes", "worker-1", "2", re.compile("now|ago")])
