"""Queue: the order of waiting jobs is changed by mouse and by keys, and all are canceled at once."""

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.running_api import RunningApi
from tests.page.browser import Tabs

PROMPTS = ["first", "second", "third"]


@pytest.fixture
def http(api: RunningApi) -> Iterator[httpx2.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def page(tabs: Tabs, api: RunningApi, http: httpx2.Client) -> Page:
    """The queue with three waiting jobs."""
    for prompt in PROMPTS:
        http.post("/v1/jobs", json={"prompt": prompt}).raise_for_status()
    page = tabs.open(api.url, "/queue")
    expect(page.locator(".row-prompt")).to_have_text(PROMPTS)
    return page


def handle(page: Page, prompt: str) -> Locator:
    return page.get_by_role("listitem").filter(has_text=prompt).locator(".handle")


def places(http: httpx2.Client) -> list[str]:
    """Prompts of the queued jobs in their order."""
    jobs = http.get("/v1/jobs").json()["data"]
    whole = [http.get(f"/v1/jobs/{job['id']}").json() for job in jobs]
    return [job["request"]["prompt"] for job in sorted(whole, key=lambda job: job["queue_position"])]


def test_queue_reorder_by_mouse(page: Page, http: httpx2.Client) -> None:
    handle(page, "third").drag_to(page.locator(".row-prompt").first, target_position={"x": 4, "y": 1})
    expect(page.locator(".row-prompt")).to_have_text(["third", "first", "second"])
    assert places(http) == ["third", "first", "second"]


def test_queue_reorder_by_keys(page: Page, http: httpx2.Client) -> None:
    handle(page, "first").press("ArrowDown")
    expect(page.locator(".row-prompt")).to_have_text(["second", "first", "third"])
    page.get_by_role("listitem").filter(has_text="third").get_by_role("button", name="Next in line").press("Enter")
    expect(page.locator(".row-prompt")).to_have_text(["third", "second", "first"])
    assert places(http) == ["third", "second", "first"]


def test_all_waiting_jobs_are_canceled_after_a_question(page: Page, http: httpx2.Client) -> None:
    page.get_by_role("button", name="Cancel waiting").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep them").click()
    assert len(places(http)) == 3
    page.get_by_role("button", name="Cancel waiting").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel jobs").click()
    expect(page.get_by_text("Nothing runs, nothing waits")).to_be_visible()
    assert {job["status"] for job in http.get("/v1/jobs").json()["data"]} == {"canceled"}
