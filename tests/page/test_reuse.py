"""From a picture back to a request: its settings, its seed, more like it, as code."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.browser import Tabs
from tests.page.services import PageService
from tests.page.views import PROMPT, card, pictures, prompt_field


def rendered(service: PageService, **fields: Any) -> dict[str, Any]:
    """Submit a job and return it when it has ended."""
    return service.wait_until_ended(service.submit(PROMPT, **fields)["id"])


def test_use_settings_fills_in_and_can_be_undone(tabs: Tabs, service: PageService) -> None:
    job = rendered(
        service, n=2, steps=4, seed=11, guidance_scale=3.5, negative_prompt="a star", width=72, schedule="trailing"
    )
    page = tabs.open(service.url)
    prompt_field(page).fill("a draft")
    card(page).get_by_role("button", name="Use settings").click()
    expect(prompt_field(page)).to_have_value(PROMPT)
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        page.get_by_role("button", name="Generate").click()
    request = submission.value.json()["request"]
    assert {**request, "seed": 11} == job["request"]
    page.get_by_role("button", name="Undo").click()
    expect(prompt_field(page)).to_have_value("a draft")


def test_seed_of_picture_3_gives_the_same_pixels(tabs: Tabs, service: PageService) -> None:
    job = rendered(service, n=3, steps=4)
    page = tabs.open(service.url, f"/jobs/{job['id']}?image=2")
    page.get_by_role("dialog").get_by_role("button", name="Seed", exact=True).click()
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        page.get_by_role("button", name="Generate").click()
    again = service.wait_until_ended(submission.value.json()["id"])
    assert [image["pixel_sha256"] for image in again["outputs"]] == [job["outputs"][2]["pixel_sha256"]]


def test_enlarging_gives_the_same_picture_resized(tabs: Tabs, service: PageService) -> None:
    job = rendered(service, n=2, steps=4)
    page = tabs.open(service.url, f"/jobs/{job['id']}?image=1")
    page.get_by_role("button", name="Edit or enlarge").click()
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        page.get_by_role("menuitem", name="Enlarge 4×").click()
    enlarged = service.wait_until_ended(submission.value.json()["id"])
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(enlarged["id"]))
    image = Image.open(io.BytesIO(service.image(job, 1)))
    larger = Image.open(io.BytesIO(service.image(enlarged, 0)))
    assert larger.tobytes() == image.resize((256, 256), Image.Resampling.LANCZOS).tobytes()


def test_more_like_it_has_a_new_seed(tabs: Tabs, service: PageService) -> None:
    job = rendered(service, n=2, steps=4)
    page = tabs.open(service.url)
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        card(page).get_by_role("button", name="More like it").click()
    request = submission.value.json()["request"]
    assert request["seed"] != job["request"]["seed"]
    assert {**request, "seed": job["request"]["seed"]} == job["request"]


@pytest.mark.parametrize("kind", ["curl", "Python", "command"])
def test_copied_code_runs(tabs: Tabs, service: PageService, kind: str, tmp_path: Path) -> None:
    job = rendered(service, n=2, steps=4, seed=3, output={"format": "webp", "quality": 80})
    page = tabs.open(service.url, permissions=["clipboard-read", "clipboard-write"])
    copy(page, f"Copy as {kind}")
    text = page.evaluate("navigator.clipboard.readText()")
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "*"}
    argv = [sys.executable, "-c", text] if kind == "Python" else ["bash", "-c", text]
    subprocess.run(argv, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=90)
    (again, *_) = service.http.get("/v1/jobs").json()["data"]
    assert again["id"] != job["id"]
    assert again["request"] == job["request"]


def copy(page: Page, item: str) -> None:
    card(page).get_by_role("button", name="More", exact=True).click()
    card(page).get_by_role("menuitem", name=item).click()
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()


def test_delete_can_be_undone(tabs: Tabs, service: PageService) -> None:
    job = rendered(service, steps=4)
    page = tabs.open(service.url, "/models")
    page.clock.install()
    page.goto(service.url)
    deletions: list[str] = []
    page.on("request", lambda request: request.url.endswith("/v1/jobs/delete") and deletions.append(request.url))
    card(page).get_by_role("button", name="Delete", exact=True).click()
    expect(card(page)).not_to_be_attached()
    page.get_by_role("button", name="Undo").click()
    expect(pictures(card(page))).to_be_visible()
    page.clock.fast_forward(8_000)
    card(page).get_by_role("button", name="Delete", exact=True).click()
    expect(card(page)).not_to_be_attached()
    assert service.http.get(f"/v1/jobs/{job['id']}").status_code == 200
    with page.expect_response(lambda response: response.url.endswith("/v1/jobs/delete")):
        page.clock.fast_forward(8_000)
    assert service.http.get(f"/v1/jobs/{job['id']}").status_code == 404
    assert len(deletions) == 1
