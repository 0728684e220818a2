"""Accessibility: every view by axe-core's rules, the page by keyboard alone, on a phone, with reduced motion."""

import pytest
from playwright.sync_api import expect

from tests.api.running_api import RunningApi
from tests.page.axe import LOOKS, PHONE, violations
from tests.page.browser import Tabs
from tests.page.services import PageService
from tests.page.views import PROMPT, card, expect_status, pictures, prompt_field

VIEWS = ["/", "/queue", "/gallery", "/models", "/workers"]


@pytest.mark.parametrize("look", LOOKS)
def test_every_view_passes_axe(tabs: Tabs, service: PageService, axe: str, look: str) -> None:
    job = service.submit(PROMPT, n=2)
    service.wait_until_ended(job["id"])
    page = tabs.open(service.url, **LOOKS[look])
    for path in (*VIEWS, f"/jobs/{job['id']}"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_attached()
        expect(page.locator("[aria-busy=true]")).not_to_be_attached()
        assert violations(page, axe) == [], path
    page.get_by_role("button", name="Compare", exact=True).click()
    assert violations(page, axe) == []
    page.get_by_role("button", name="Edit or enlarge").click()
    page.get_by_role("menuitem", name="Extend it").click()
    expect(page.get_by_role("slider", name="Right")).to_be_visible()
    assert violations(page, axe) == []


def test_phone_has_no_sideways_scroll(tabs: Tabs, service: PageService) -> None:
    job = service.submit(PROMPT, n=4)
    service.wait_until_ended(job["id"])
    page = tabs.open(service.url, **PHONE)
    for path in (*VIEWS, f"/jobs/{job['id']}"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path


def test_the_button_keeps_its_room_on_a_phone(tabs: Tabs, api: RunningApi) -> None:
    with api.client() as http:
        http.post("/v1/jobs", json={"prompt": PROMPT}).raise_for_status()
    page = tabs.open(api.url, **PHONE)
    button = page.get_by_role("button", name="Add to queue").bounding_box()
    composer = page.locator(".composer").bounding_box()
    assert button
    assert composer
    assert button["x"] + button["width"] < composer["x"] + composer["width"]
    page.get_by_role("button", name="Settings", exact=True).click()
    page.get_by_role("dialog", name="Settings").get_by_role("button", name="Sweep").click()
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.get_by_role("dialog", name="Sweep")).to_be_visible()


def test_keyboard_alone_makes_and_deletes(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    expect(prompt_field(page)).to_be_focused()
    page.keyboard.type("a red circle")
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    expect_status(card(page, "a red circle"), "succeeded")
    expect(pictures(card(page, "a red circle"))).to_be_visible()
    page.keyboard.press("Escape")
    card(page, "a red circle").get_by_role("button", name="Open picture 1").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).not_to_be_attached()
    expect(card(page, "a red circle").get_by_role("button", name="Open picture 1")).to_be_focused()
    page.keyboard.press("Delete")
    expect(card(page, "a red circle")).not_to_be_attached()
    page.get_by_role("button", name="Undo").press("Enter")
    expect(card(page, "a red circle")).to_be_visible()


def test_reduced_motion(tabs: Tabs, service: PageService) -> None:
    service.wait_until_ended(service.submit(PROMPT)["id"])
    page = tabs.open(service.url, reduced_motion="reduce")
    expect(pictures(card(page))).to_be_visible()
    moving = """() => [...document.querySelectorAll("*")].filter(each => {
        const style = getComputedStyle(each);
        const long = text => text.split(",").some(part => parseFloat(part) > 0.01);
        return long(style.transitionDuration) || (style.animationName !== "none" && long(style.animationDuration));
    }).map(each => each.outerHTML.slice(0, 80))"""
    assert page.evaluate(moving) == []
