"""Create: from a prompt to pictures, rendered by a real worker."""

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.page.browser import Tabs
from tests.page.services import PageService
from tests.page.views import PROMPT, card, expect_loaded, expect_status, pictures, prompt_field

BE_IN_VIEW_FOR_A_WHILE = """
new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))
"""
"""Longer than the page waits before it asks for the previews of jobs that have come into view."""


def test_first_visit_one_click_gives_a_picture(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    expect(prompt_field(page)).to_be_focused()
    expect(page.get_by_text("1 worker", exact=True)).to_be_visible()
    page.get_by_role("button", name=PROMPT).click()
    expect(prompt_field(page)).to_have_value(PROMPT)
    expect_status(card(page), "succeeded")
    expect(pictures(card(page))).to_have_count(4)
    expect_loaded(pictures(card(page)))


def test_typing_and_ctrl_enter_submits_exactly_the_draft(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    prompt_field(page).fill("two green squares on a white background")
    page.get_by_role("radio", name="2", exact=True).check(force=True)
    sampler, schedule = (page.get_by_role("combobox", name=name) for name in ("Sampler", "Noise schedule"))
    sampler.select_option("Euler")
    schedule.select_option("Karras")
    sampler.select_option("Heun")
    expect(schedule).to_have_value("")
    sampler.select_option("LCM")
    expect(schedule).to_have_count(0)
    sampler.select_option("DDIM")
    expect(schedule.get_by_role("option")).to_have_text(["Sampler's own", "Trailing"])
    schedule.select_option("Trailing")
    page.get_by_role("spinbutton", name="Steps").fill("7")
    with page.expect_request(lambda request: request.method == "POST") as submission:
        prompt_field(page).press("Control+Enter")
    sent = submission.value
    assert sent.post_data_json == {
        "prompt": "two green squares on a white background",
        "n": 2,
        "steps": 7,
        "scheduler": "ddim",
        "schedule": "trailing",
    }
    assert sent.headers["idempotency-key"]
    job = submission.value.response().json()
    assert {name: job["request"][name] for name in sent.post_data_json} == sent.post_data_json


def test_a_lora_has_a_weight_and_is_used_again(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    prompt_field(page).fill(PROMPT)
    page.get_by_role("combobox", name="LoRAs").select_option("Ink")
    weight = page.get_by_role("spinbutton", name="Ink")
    weight.fill("0.5")
    with page.expect_request(lambda request: request.method == "POST") as submission:
        prompt_field(page).press("Control+Enter")
    assert submission.value.post_data_json == {"prompt": PROMPT, "loras": [{"name": "ink", "weight": 0.5}]}
    expect_status(card(page), "succeeded")
    page.get_by_role("button", name="Remove Ink").click()
    expect(weight).to_have_count(0)
    card(page).get_by_role("button", name="Use settings").click()
    expect(weight).to_have_value("0.5")


def open_without_models(tabs: Tabs, service: PageService) -> tuple[Page, Callable[[], None]]:
    """Open the page while the service does not answer which models there are; the function returned ends that."""
    page = tabs.open(service.url).context.new_page()
    held: list[Route] | None = []
    page.route("**/v1/models", lambda route: route.continue_() if held is None else held.append(route))

    def release() -> None:
        nonlocal held
        routes, held = held or [], None
        for route in routes:
            route.continue_()

    page.goto(service.url)
    return page, release


def test_what_is_asked_for_before_the_models_are_known_is_submitted(tabs: Tabs, service: PageService) -> None:
    page, release_models = open_without_models(tabs, service)
    prompt_field(page).fill(PROMPT)
    prompt_field(page).press("Control+Enter")
    expect(page.get_by_role("button", name="Generate")).to_be_disabled()
    release_models()
    expect(card(page)).to_be_visible()


def test_preview_is_replaced_by_the_picture(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    service.submit(PROMPT, steps=service.max_steps)
    expect(card(page).locator("img.preview")).to_be_visible()
    expect_status(card(page), "succeeded")
    expect(pictures(card(page))).to_be_visible()
    expect(card(page).locator("img.preview")).not_to_be_attached()


def test_previews_of_a_job_that_is_listed_before_the_models_are_known(tabs: Tabs, service: PageService) -> None:
    page, release_models = open_without_models(tabs, service)
    service.submit(PROMPT, steps=service.max_steps, n=2)
    expect(card(page)).to_be_visible()
    page.evaluate(BE_IN_VIEW_FOR_A_WHILE)
    release_models()
    expect(card(page).locator("img.preview").first).to_be_visible()


def test_two_jobs_run_and_the_button_stays(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    for prompt in ("a red circle", "a blue square"):
        prompt_field(page).fill(prompt)
        prompt_field(page).press("Control+Enter")
        expect(card(page, prompt)).to_be_visible()
    expect(
        page.get_by_role("button", name="Generate").or_(page.get_by_role("button", name="Add to queue"))
    ).to_be_enabled()
    for prompt in ("a red circle", "a blue square"):
        expect_status(card(page, prompt), "succeeded")
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()


def test_cancel_stops_between_steps(tabs: Tabs, service: PageService) -> None:
    page = tabs.open(service.url)
    job = service.submit(PROMPT, steps=service.max_steps, n=4)
    expect_status(card(page), "running")
    card(page).get_by_role("button", name="Cancel").click()
    expect_status(card(page), "canceled")
    progress = service.job(job["id"])["progress"]
    assert progress["step"] < progress["steps"]


def test_second_tab_sees_the_job(tabs: Tabs, service: PageService) -> None:
    first = tabs.open(service.url)
    second = tabs.open(service.url, "/queue", beside=first)
    expect(second.get_by_text("Nothing runs, nothing waits")).to_be_visible()
    service.submit(PROMPT, steps=service.max_steps)
    expect(second.get_by_role("listitem").filter(has_text=PROMPT)).to_be_visible()
    expect(card(first)).to_be_visible()
