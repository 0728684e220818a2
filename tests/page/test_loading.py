"""Modules of the page: the first view needs few, others are loaded when they are opened."""

import re

import pytest
from playwright.sync_api import expect

from renderq_api.page.site import read_site
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.page.browser import Tabs
from tests.page.views import prompt_field

MODULES = len([name for name in read_site().files if name.endswith(".js")])

_STARTED = r"""modules => {
  const started = performance.getEntriesByType("resource")
    .map(({ name, startTime }) => [name.split(/[/]ui[/][0-9a-f]+[/]/)[1], startTime])
    .filter(([name]) => name?.endsWith(".js"));
  return started.length === modules && Object.fromEntries(started);
}"""
"""When each module was asked for, in milliseconds; false until all are loaded."""


@pytest.mark.parametrize("module", ["index.js", "rows.js"])
def test_a_view_that_cannot_be_loaded_is_tried_again(tabs: Tabs, api: RunningApi, module: str) -> None:
    tabs.expect_error(f"ERR_FAILED.*{module}")
    page = tabs.open(api.url)
    prompt_field(page).fill("a red circle")
    address = re.compile(f"/views/queue/{module}$")
    page.route(address, lambda route: route.abort())
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_role("heading", name="This part of the page could not be loaded")).to_be_visible()
    page.unroute(address)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Queue", level=1)).to_be_attached()
    page.get_by_role("link", name="Create").click()
    expect(prompt_field(page)).to_have_value("a red circle")


def test_a_dialog_that_cannot_be_loaded_says_so_and_can_be_closed(tabs: Tabs, api: RunningApi, worker: Worker) -> None:
    tabs.expect_error("ERR_FAILED.*dialog.js")
    page = tabs.open(api.url)
    address = re.compile("/views/sweep/dialog.js$")
    page.route(address, lambda route: route.abort())
    sweep = page.get_by_role("button", name="Sweep: one picture for each value")
    sweep.click()
    failure = page.get_by_role("dialog", name="This part of the page could not be loaded")
    expect(failure.get_by_role("button", name="Try again")).to_be_visible()
    failure.get_by_role("button", name="Close").click()
    expect(failure).not_to_be_attached()
    page.unroute(address)
    sweep.click()
    expect(page.get_by_role("dialog", name="Sweep")).to_be_visible()


def test_a_view_of_an_earlier_version_asks_for_a_reload(tabs: Tabs, api: RunningApi) -> None:
    tabs.expect_error("404.*gallery|MIME type")
    page = tabs.open(api.url)
    expect(prompt_field(page)).to_be_visible()
    page.route("**/views/gallery/index.js", lambda route: route.fulfill(status=404, body="No such file"))
    page.route(f"{api.url}/", lambda route: route.fulfill(body="/ui/000000000000/"))
    page.get_by_role("link", name="Gallery").click()
    main = page.get_by_role("main")
    expect(main.get_by_role("heading", name="This part of the page could not be loaded")).to_be_visible()
    page.unroute_all()
    main.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("heading", name="Gallery", level=1)).to_be_attached()


def test_views_that_were_not_opened_are_loaded_last(tabs: Tabs, api: RunningApi) -> None:
    page = tabs.open(api.url)
    started = page.wait_for_function(f"() => ({_STARTED})({MODULES})").json_value()
    last = max(started[name] for name in read_site().first)
    assert started["views/queue/index.js"] > last
    assert started["views/lightbox/index.js"] > last
