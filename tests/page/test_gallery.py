"""Gallery and lightbox: pictures are found, kept, labelled, seen in full, saved and deleted."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.page.browser import Tabs

STAR, CIRCLE = "a yellow star on a purple background", "a red circle on a blue background"


@pytest.fixture
def http(api: RunningApi) -> Iterator[httpx2.Client]:
    with api.client() as client:
        yield client


@pytest.fixture
def star(http: httpx2.Client, worker: Worker) -> str:
    return finish(http, worker, STAR, images=2)


@pytest.fixture
def circle(http: httpx2.Client, worker: Worker) -> str:
    return finish(http, worker, CIRCLE)


def finish(http: httpx2.Client, worker: Worker, prompt: str, images: int = 1) -> str:
    """Submit a job, finish it, and return its id."""
    response = http.post("/v1/jobs", json={"prompt": prompt, "n": images})
    worker.finish(worker.claim())
    return response.json()["id"]


def shots(page: Page, prompt: str) -> Locator:
    return page.get_by_role("button", name=f": {prompt}")


def test_pictures_are_found_by_words(tabs: Tabs, api: RunningApi, star: str, circle: str) -> None:
    page = tabs.open(api.url, "/gallery")
    expect(shots(page, STAR)).to_have_count(2)
    expect(shots(page, CIRCLE)).to_have_count(1)
    page.get_by_role("searchbox", name="Search prompts").fill("purple star")
    expect(shots(page, CIRCLE)).to_have_count(0)
    expect(shots(page, STAR)).to_have_count(2)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("purple star")
    expect(shots(page, STAR)).to_have_count(2)
    page.get_by_role("searchbox").fill("a blue star")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Remove all filters").click()
    expect(shots(page, CIRCLE)).to_have_count(1)


def test_kept_and_labelled_pictures_are_found(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, star: str, circle: str
) -> None:
    page = tabs.open(api.url, f"/jobs/{star}")
    dialog = page.get_by_role("dialog")
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        dialog.get_by_role("button", name="Keep it").click()
    with page.expect_response(lambda response: response.request.method == "PATCH"):
        dialog.get_by_role("textbox", name="Add a label").fill("favorite")
        dialog.get_by_role("textbox", name="Add a label").press("Enter")
    job = http.get(f"/v1/jobs/{star}").json()
    assert (job["kept"], job["labels"]) == (True, ["favorite"])
    page.goto("/gallery?label=favorite")
    expect(shots(page, STAR)).to_have_count(2)
    expect(shots(page, CIRCLE)).to_have_count(0)
    page.goto("/gallery")
    expect(shots(page, CIRCLE)).to_have_count(1)
    page.get_by_role("button", name="Kept", exact=True).click()
    expect(shots(page, CIRCLE)).to_have_count(0)
    expect(shots(page, STAR)).to_have_count(2)


def test_a_picture_that_ends_meanwhile_appears(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker, circle: str
) -> None:
    page = tabs.open(api.url, "/gallery")
    expect(shots(page, CIRCLE)).to_have_count(1)
    finish(http, worker, STAR)
    expect(shots(page, STAR)).to_have_count(1)


def test_several_are_deleted_after_a_question(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, star: str, circle: str
) -> None:
    page = tabs.open(api.url, "/gallery")
    for prompt in (STAR, CIRCLE):
        page.get_by_role("checkbox", name=f"Select: {prompt}").check(force=True)
    expect(page.get_by_role("toolbar", name="3 selected")).to_be_visible()
    page.get_by_role("toolbar").get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No pictures yet")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(shots(page, STAR)).to_have_count(2)


def test_arrows_lead_through_the_pictures_of_all_jobs(tabs: Tabs, api: RunningApi, circle: str, star: str) -> None:
    page = tabs.open(api.url, "/gallery")
    shots(page, STAR).first.click()
    expect(page).to_have_url(f"{api.url}/jobs/{star}")
    expect(page.get_by_role("dialog")).to_be_focused()
    steps = [("Right", f"{star}?image=1"), ("Right", circle), ("Left", f"{star}?image=1"), ("Left", star)]
    for direction, address in steps:
        page.keyboard.press(f"Arrow{direction}")
        expect(page).to_have_url(f"{api.url}/jobs/{address}")
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{api.url}/gallery")
    expect(shots(page, STAR).first).to_be_focused()


def test_a_saved_picture_is_named_after_its_prompt(tabs: Tabs, api: RunningApi, circle: str, tmp_path: Path) -> None:
    page = tabs.open(api.url, f"/jobs/{circle}")
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.startswith("a-red-circle")
    download.value.save_as(tmp_path / "saved.png")
    assert (tmp_path / "saved.png").read_bytes().startswith(b"\x89PNG")
