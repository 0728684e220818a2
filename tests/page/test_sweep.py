"""Sweep: the combinations of values of one or two fields, and their table."""

from playwright.sync_api import Page, expect

from tests.page.browser import Tabs
from tests.page.services import PageService
from tests.page.views import PROMPT, expect_loaded, prompt_field


def open_sweep(page: Page) -> None:
    prompt_field(page).fill(PROMPT)
    page.get_by_role("button", name="Sweep").click()


def test_sweep_table(tabs: Tabs, service: PageService) -> None:
    tabs.expect_error("422")
    page = tabs.open(service.url)
    open_sweep(page)
    dialog = page.get_by_role("dialog", name="Sweep", exact=True)
    dialog.get_by_label("Values").fill("2, 3, 4")
    dialog.get_by_role("button", name="Add a second axis").click()
    second = dialog.get_by_role("group", name="Axis 2")
    second.get_by_label("Word to replace").fill("green")
    second.get_by_label("Values").fill("red, white")
    expect(dialog.locator(".sweep-sum")).to_contain_text("3 × 2 = 6 pictures")
    dialog.get_by_role("button", name="Generate all").click()
    expect(second.get_by_role("alert")).to_contain_text("does not contain the word")
    second.get_by_label("Word to replace").fill("red")
    with page.expect_request(lambda request: request.method == "POST") as submission:
        dialog.get_by_role("button", name="Generate all").click()
    assert submission.value.post_data_json == {
        "request": {"prompt": PROMPT},
        "axes": [{"field": "steps", "values": [2, 3, 4]}, {"field": "prompt:red", "values": ["red", "white"]}],
    }
    table = page.get_by_role("dialog", name="Result of the sweep")
    expect(table.get_by_role("columnheader")).to_have_text(["red", "white"])
    expect(table.get_by_role("rowheader")).to_have_text(["Steps 2", "Steps 3", "Steps 4"])
    expect(table.locator("[data-status=succeeded]")).to_have_count(6, timeout=90_000)
    expect_loaded(table.get_by_role("img", name="Picture"))
    last = table.get_by_role("row").last.get_by_role("cell").last
    last.get_by_role("button", name="Open picture").click()
    expect(page.get_by_role("dialog", name=PROMPT.replace("red", "white"))).to_be_visible()
    page.keyboard.press("Escape")
    last.get_by_role("button", name="Use this cell").click()
    expect(table).not_to_be_attached()
    expect(prompt_field(page)).to_have_value(PROMPT.replace("red", "white"))
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("4")

    page.reload()
    page.get_by_role("article").first.hover()
    page.get_by_role("article").first.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Show the table").click()
    expect(table.get_by_role("rowheader")).to_have_count(3)
