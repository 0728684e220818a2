"""What the browser lets the page do: nothing beyond its own origin, no markup or code from text."""

import pytest
from playwright.sync_api import Error, expect

from tests.api.running_api import RunningApi
from tests.page.browser import Tabs

VIEWS = ["/", "/queue", "/gallery", "/models", "/workers", "/jobs/job_none", "/sign-in"]

_PICTURE = """address => new Promise(resolve => {
    const image = new Image();
    image.onload = () => resolve("loaded");
    image.onerror = () => resolve("refused");
    image.src = address;
})"""


@pytest.mark.parametrize("path", VIEWS)
def test_no_policy_violation_in_any_view(tabs: Tabs, api: RunningApi, path: str) -> None:
    tabs.expect_error("404.*job_none|503.*readyz")  # no such job; just started
    page = tabs.open(api.url, path)
    expect(page.get_by_role("heading", level=1)).to_be_attached()
    expect(page.locator("#page main")).to_be_visible()


@pytest.mark.parametrize(
    "code",
    [
        "document.body.innerHTML = '<img>'",
        "document.body.insertAdjacentHTML('beforeend', '<img>')",
        "document.write('<img>')",
        "document.createElement('script').text = '1'",
        "trustedTypes.createPolicy('any', {createHTML: text => text})",
        "document.createElement('iframe').srcdoc = '<img>'",
    ],
)
def test_text_cannot_become_markup_or_code(tabs: Tabs, api: RunningApi, code: str) -> None:
    tabs.expect_error("TrustedHTML|TrustedScript|TrustedTypePolicy")
    page = tabs.open(api.url)
    with pytest.raises(Error, match=r"Trusted|policy"):
        page.evaluate(f"() => {{ {code} }}")


def test_only_own_pictures_are_loaded(tabs: Tabs, api: RunningApi) -> None:
    tabs.expect_error("images.example")
    page = tabs.open(api.url)
    assert page.evaluate(_PICTURE, "https://images.example/1.png") == "refused"
    assert page.evaluate(_PICTURE, "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=") == "loaded"


@pytest.mark.parametrize(
    "code",
    [
        "fetch('https://other.example/')",
        "navigator.sendBeacon('https://other.example/') && Promise.reject()",
        "import('https://other.example/x.js')",
        "new Promise((_, no) => { const s = new EventSource('https://other.example/'); s.onerror = no; })",
    ],
)
def test_nothing_is_sent_to_or_loaded_from_another_origin(tabs: Tabs, api: RunningApi, code: str) -> None:
    tabs.expect_error("Content Security Policy|other.example")
    page = tabs.open(api.url)
    assert page.evaluate(f"() => ({code}).then(() => 'sent', () => 'refused')") == "refused"


def test_the_page_cannot_be_framed(tabs: Tabs, api: RunningApi) -> None:
    tabs.expect_error("frame-ancestors|chrome-error|ERR_BLOCKED_BY_RESPONSE")
    page = tabs.open(api.url)
    page.goto("about:blank")
    page.evaluate(
        """address => new Promise(resolve => {
        const frame = document.createElement("iframe");
        frame.onload = resolve;
        frame.src = address;
        document.body.append(frame);
    })""",
        api.url + "/",
    )
    assert page.frames[1].locator("#page").count() == 0
