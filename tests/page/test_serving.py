"""The page as a browser loads it: again, below a path prefix, under a name that makes no secure context."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.api.running_api import RunningApi
from tests.page.browser import LAN_NAME, Tabs
from tests.page.services import PageService, own_api
from tests.polling import wait_until
from tests.valkey_server import free_port

_LOADED = """() => Object.fromEntries(performance.getEntriesByType("resource")
    .filter(entry => entry.name.includes("/ui/")).map(entry => [entry.name, entry.transferSize]))"""
"""Address → bytes over the network, of the page's files so far."""


def is_shown(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_attached()


def test_up_says_that_a_browser_may_open_the_page(service: PageService) -> None:
    wait_until(lambda: f"open {service.url} in a browser" in service.log_text)


def test_a_second_visit_loads_no_file_again(tabs: Tabs, api: RunningApi) -> None:
    first = tabs.open(api.url)
    is_shown(first)
    loaded = first.evaluate(_LOADED)
    assert min(loaded.values()) > 0
    second = tabs.open(api.url, beside=first)
    is_shown(second)
    assert {size for name, size in second.evaluate(_LOADED).items() if name in loaded} == {0}


def test_the_page_works_below_a_path_prefix(tabs: Tabs, tmp_path: Path) -> None:
    port = free_port()
    with own_api(tmp_path, port=port, public_url=f"http://127.0.0.1:{port}/render") as own:
        page = tabs.open(own.api.url, "/render/queue")
        is_shown(page)
        paths = page.evaluate("() => performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)")
        page.close()
    assert paths
    assert [path for path in paths if not path.startswith(("/render/ui/", "/render/v1/"))] == []


def test_plain_http_lan_name_works(tabs: Tabs, keyed_api: RunningApi) -> None:
    tabs.expect_error("401|Cross-Origin-Opener-Policy")
    page = tabs.open(keyed_api.url.replace("127.0.0.1", LAN_NAME))
    assert page.evaluate("isSecureContext") is False
    is_shown(page)
