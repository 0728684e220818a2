"""Screenshots of the page for the documentation, of a real service with the built-in model. `make page-shots`.

The committed files show the font of Debian's package `fonts-inter`; without it the page falls back to another.
"""

import io
import re
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.page.browser import launch
from tests.page.services import PageService
from tests.page.views import prompt_field

FOLDER = Path(__file__).parents[2] / "docs" / "images"

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}

CIRCLES = "a red circle on a blue background"
STARS = "three yellow stars on a purple background"
RINGS = "a green square above a white ring on a red background"
DRAFT = "two orange triangles on a black background"

_HALF_DRAWN = re.compile(r"[4-9]\d")
"""Progress at which the running job is taken, in percent: its previews show what it becomes."""


def main() -> None:
    expect.set_options(timeout=60_000)
    env = {"RENDERQ_WORKER_NAME": "worker-1"}
    with tempfile.TemporaryDirectory() as data, PageService(Path(data), models=None, env=env) as service:
        for prompt, n, seed in ((RINGS, 2, 3), (STARS, 4, 7), (CIRCLES, 4, 42)):
            service.wait_until_ended(service.submit(prompt, n=n, seed=seed)["id"])
        with sync_playwright() as playwright, launch(playwright) as browser:
            take_all(browser, service, FOLDER)


def take_all(browser: Browser, service: PageService, folder: Path) -> None:
    """Write the four files; the service has the three finished jobs."""
    page = open_page(browser, service, "/", **DESKTOP, color_scheme="light")
    expect_pictures(page, 8)
    prompt_field(page).fill(DRAFT)
    save(page, folder / "page-create.png")
    page = open_page(browser, service, "/", **PHONE, color_scheme="light")
    expect_pictures(page, 4)
    save(page, folder / "page-phone.png")
    page = open_page(browser, service, f"/jobs/{newest(service)}?image=1", **DESKTOP, color_scheme="dark")
    expect_pictures(page, 9)
    save(page, folder / "page-lightbox.png")
    page = open_page(browser, service, "/", **DESKTOP, color_scheme="dark")
    expect_pictures(page, 8)
    service.submit(DRAFT, n=4, seed=5, steps=150)
    expect(page.locator("img.preview")).to_have_count(4)
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", _HALF_DRAWN)
    save(page, folder / "page-live.png")


def open_page(browser: Browser, service: PageService, path: str, **options: Any) -> Page:
    page = browser.new_context(base_url=service.url, locale="en-US", reduced_motion="reduce", **options).new_page()
    page.goto(path)
    expect(page.get_by_text("1 worker", exact=True)).to_be_attached()
    return page


def expect_pictures(page: Page, minimum: int) -> None:
    """Wait until at least `minimum` images are loaded and shown."""
    expect(page.locator("img.picture.shown").nth(minimum - 1)).to_be_attached()


def newest(service: PageService) -> str:
    """Id of the newest job."""
    return service.http.get("/v1/jobs", params={"limit": 1}).json()["data"][0]["id"]


def save(page: Page, path: Path) -> None:
    """Write a screenshot without an alpha channel."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main()
