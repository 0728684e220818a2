"""Pictures as inputs: uploaded, masked, extended, varied; rendered by a real worker."""

import io
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Page, expect

from renderq_api.page.site import read_site
from tests.page.browser import Tabs
from tests.page.services import PageService
from tests.page.views import PROMPT, prompt_field

SHOWN_SHARE = """element => {
    const [, right] = getComputedStyle(element).clipPath.match(/inset\\(0px ([\\d.]+)%/);
    return 1 - right / 100;
}"""


@pytest.fixture
def original(service: PageService) -> dict[str, Any]:
    """A finished job of one image."""
    return service.wait_until_ended(service.submit(PROMPT, steps=4)["id"])


def image_of(job: dict[str, Any]) -> Image.Image:
    content = httpx2.get(job["outputs"][0]["signed_url"], trust_env=False).content
    return Image.open(io.BytesIO(content)).convert("RGB")


def choose(page: Page, path: Path, deed: str) -> None:
    """Add a picture to the draft."""
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("dialog").get_by_role("button", name=deed).click()


def generate(page: Page, service: PageService) -> dict[str, Any]:
    with page.expect_response(lambda response: response.url.endswith("/v1/jobs")) as submission:
        page.get_by_role("button", name="Generate").click()
    assert submission.value.status == 201, submission.value.text()
    return service.wait_until_ended(submission.value.json()["id"])


@pytest.fixture
def picture(original: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(httpx2.get(original["outputs"][0]["signed_url"], trust_env=False).content)
    return path


def test_a_picture_of_another_program_tells_its_settings(tabs: Tabs, service: PageService, tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("parameters", "a red circle\nNegative prompt: green\nSteps: 7, CFG scale: 2.5, Seed: 42, Size: 64x64")
    Image.new("RGB", (64, 64)).save(tmp_path / "foreign.png", pnginfo=info)
    page = tabs.open(service.url)
    choose(page, tmp_path / "foreign.png", "Use its settings")
    expect(prompt_field(page)).to_have_value("a red circle")
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("7")
    expect(page.get_by_role("spinbutton", name="Guidance")).to_have_value("2.5")
    expect(page.get_by_role("spinbutton", name="Fixed seed")).to_have_value("42")
    page.locator("input[type=file]").set_input_files(tmp_path / "foreign.png")
    expect(page.get_by_role("dialog").get_by_text("carries its settings")).to_be_visible()


def test_mask_keeps_what_is_black(tabs: Tabs, service: PageService, original: dict[str, Any], picture: Path) -> None:
    page = tabs.open(service.url)
    prompt_field(page).fill("a green square on a blue background")
    choose(page, picture, "Edit a part of it")
    canvas = page.get_by_role("img", name="Mask above the picture")
    box = canvas.bounding_box()
    assert box
    page.get_by_role("radio", name="Rectangle").check(force=True)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + box["height"] - 1)
    page.mouse.up()
    page.get_by_role("button", name="Use this mask").click()
    expect(page.get_by_role("button", name="Change the mask")).to_be_visible()
    before, after = image_of(original), image_of(generate(page, service))
    changed = ImageChops.difference(before, after).getbbox()
    assert changed
    assert min(changed[:2]) >= 31


def test_a_mask_is_painted_by_keyboard_alone(tabs: Tabs, service: PageService, picture: Path) -> None:
    page = tabs.open(service.url)
    choose(page, picture, "Edit a part of it")
    page.get_by_text("Rectangle by numbers").press("Enter")
    page.get_by_label("Width").fill("16")
    page.get_by_label("Width").press("Enter")
    page.get_by_role("button", name="Use this mask").press("Enter")
    expect(page.get_by_role("button", name="Change the mask")).to_be_visible()


def test_a_picture_is_extended(tabs: Tabs, service: PageService, picture: Path) -> None:
    page = tabs.open(service.url)
    prompt_field(page).fill(PROMPT)
    choose(page, picture, "Extend it")
    handle = page.get_by_role("slider", name="Right")
    box, picture_box = handle.bounding_box(), page.get_by_role("dialog").locator("img").bounding_box()
    assert box
    assert picture_box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + picture_box["width"] * 15 / 64, y)
    expect(handle).to_have_attribute("aria-valuenow", "16")
    page.mouse.up()
    page.get_by_role("slider", name="Top").press("ArrowUp")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_label("Top", exact=True)).to_have_value("8")
    tabs.expect_error("422")
    page.get_by_label("Left", exact=True).fill("8192")
    page.get_by_role("button", name="Generate").click()
    refusal = page.locator("[data-field=extend]").get_by_role("alert")
    expect(refusal).to_be_visible()
    expect(page.locator(".notice.bad")).not_to_be_attached()
    page.get_by_label("Left", exact=True).fill("0")
    page.get_by_label("Left", exact=True).press("Tab")
    expect(refusal).not_to_be_attached()
    job = generate(page, service)
    assert (job["task"], job["outputs"][0]["width"], job["outputs"][0]["height"]) == ("outpaint", 80, 72)


def test_a_picture_is_compared_with_what_it_was_made_from(
    tabs: Tabs, service: PageService, original: dict[str, Any]
) -> None:
    job = service.submit("a green square", task="img2img", image=f"{original['id']}/0", strength=0.9, steps=4)
    service.wait_until_ended(job["id"])
    page = tabs.open(service.url, f"/jobs/{job['id']}")
    before = page.get_by_role("img", name="Before")
    picture = page.get_by_role("dialog").get_by_role("img", name="Picture 1")
    expect(picture).to_be_visible()
    page.keyboard.down("c")
    expect(before).to_have_js_property("naturalWidth", 64)
    page.keyboard.up("c")
    expect(before).not_to_be_attached()
    page.keyboard.down("c")
    expect(before).to_be_attached()
    page.evaluate("dispatchEvent(new Event('blur'))")  # of the window: the key is released elsewhere
    expect(before).not_to_be_attached()
    page.keyboard.up("c")
    page.get_by_role("button", name="Compare", exact=True).click()
    box = picture.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    assert page.locator(".before").evaluate(SHOWN_SHARE) == pytest.approx(0.25, abs=0.01)
    page.keyboard.down("c")
    expect(page.locator(".compare-stage")).to_have_attribute("style", re.compile("--split: 100"))
    page.keyboard.up("c")
    page.get_by_role("radio", name="Side by side").check(force=True)
    boxes = [each.bounding_box() for each in (before, picture)]
    assert boxes[0]
    assert boxes[1]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]


def test_pictures_of_one_job_are_compared(tabs: Tabs, service: PageService) -> None:
    job = service.wait_until_ended(service.submit(PROMPT, n=2, steps=4)["id"])
    page = tabs.open(service.url, f"/jobs/{job['id']}")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page).to_have_url(re.compile("image=1"))
    before = page.get_by_role("img", name="Before")
    expect(before).to_have_js_property("naturalWidth", 64)
    assert re.search(r"/0\b", before.get_attribute("src") or "")


def test_a_picture_of_a_job_is_varied(tabs: Tabs, service: PageService, original: dict[str, Any]) -> None:
    page = tabs.open(service.url, f"/jobs/{original['id']}")
    page.get_by_role("button", name="Edit or enlarge").click()
    page.get_by_role("menuitem", name="Make a variation").click()
    expect(page.get_by_role("img", name="The picture that it starts from")).to_be_visible()
    prompt_field(page).fill(PROMPT)
    assert generate(page, service)["task"] == "variation"


def test_a_picture_tells_its_settings(
    tabs: Tabs, service: PageService, original: dict[str, Any], picture: Path
) -> None:
    page = tabs.open(service.url)
    choose(page, picture, "Use its settings")
    expect(prompt_field(page)).to_have_value(PROMPT)
    assert generate(page, service)["request"] == original["request"]


_SHOWS = """address => new Promise(resolve => {
    const image = new Image();
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
    image.src = address;
})"""


def test_the_content_of_the_oldest_pictures_is_given_back(tabs: Tabs, service: PageService) -> None:
    """The page keeps 24 uploaded pictures."""
    tabs.expect_error("blob:.*ERR_FILE_NOT_FOUND|ERR_FILE_NOT_FOUND.*blob:")
    page = tabs.open(service.url)
    addresses = page.evaluate(
        """async module => {
            const { addAsset, inputAddress } = await import(module);
            const addresses = [];
            for (let number = 0; number < 26; number++) {
                const canvas = new OffscreenCanvas(64, 64);
                canvas.getContext("2d").fillRect(0, 0, number, 1);
                addresses.push(inputAddress((await addAsset(await canvas.convertToBlob())).id));
            }
            return addresses;
        }""",
        f"/ui/{read_site().digest}/state/assets.js",
    )
    assert [page.evaluate(_SHOWS, address) for address in (*addresses[:3], addresses[-1])] == [False, False, True, True]
