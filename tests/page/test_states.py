"""What the page says of jobs and of the service. A worker that the test drives decides what happens, and when."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from renderq_shared.jobs.redis import RedisJobStore
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.page.browser import Tabs
from tests.page.views import PROMPT, card, pictures, prompt_field

_SHIFTS = """() => {
    window.shift = 0;
    new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shift += entry.value; }))
        .observe({ type: "layout-shift", buffered: false });
}"""


@pytest.fixture
def http(api: RunningApi) -> Iterator[httpx2.Client]:
    with api.client() as client:
        yield client


def submit(http: httpx2.Client, prompt: str = PROMPT, **fields: Any) -> str:
    response = http.post("/v1/jobs", json={"prompt": prompt, **fields})
    assert response.status_code == 201, response.text
    return response.json()["id"]


def test_what_is_sent_has_the_style_and_the_draft_keeps_its_words(tabs: Tabs, api: RunningApi) -> None:
    page = tabs.open(api.url)
    prompt_field(page).fill("a lighthouse")
    page.get_by_label("Style").select_option("Watercolor")
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        prompt_field(page).press("Control+Enter")
    assert submission.value.request.post_data_json == {
        "prompt": "a watercolor painting of a lighthouse, soft washes",
        "negative_prompt": "photo",
    }
    expect(prompt_field(page)).to_have_value("a lighthouse")
    page.reload()
    expect(prompt_field(page)).to_have_value("a lighthouse")
    expect(page.get_by_label("Style")).to_have_value("watercolor")


def test_no_worker_says_so(tabs: Tabs, api: RunningApi, http: httpx2.Client) -> None:
    submit(http)
    page = tabs.open(api.url)
    expect(card(page)).to_contain_text("No worker serves shapes yet")
    expect(page.get_by_text("No worker", exact=True)).to_be_visible()


def test_paused_says_so(tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    submit(http)
    page = tabs.open(api.url)
    expect(card(page)).to_contain_text("Next in line")
    http.post("/v1/models/shapes/pause").raise_for_status()
    expect(card(page)).to_contain_text("Paused by the operator")
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_text("shapes is paused: 1 job waits")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Next in line")).to_be_visible()


def test_reload_in_the_middle_shows_the_same(tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    submit(http, n=4)
    page = tabs.open(api.url)
    prompt_field(page).fill("a draft")
    record = worker.claim()
    worker.report(record, "denoising", 9, 80)
    expect(card(page)).to_contain_text("Drawing · 11")
    expect(card(page).locator(".tile-progress")).to_have_attribute("style", "--value: 0.45;")
    before = card(page).inner_text()
    page.reload()
    expect(card(page)).to_contain_text("Drawing · 11")
    assert card(page).inner_text() == before
    expect(prompt_field(page)).to_have_value("a draft")
    worker.finish(record)
    expect(pictures(card(page))).to_have_count(4)


def test_places_and_estimates_stay_when_lists_come(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    submit(http, "first")
    submit(http, "second")
    page = tabs.open(api.url)
    expect(card(page, "second")).to_contain_text("1 job before it")
    page.evaluate("""() => {
        window.sentences = new Set();
        const status = document.querySelector("article .status");
        new MutationObserver(() => window.sentences.add(status.textContent))
            .observe(status, { childList: true, subtree: true, characterData: true });
    }""")
    submit(http, "third")
    expect(card(page, "third")).to_contain_text("2 jobs before it")
    assert page.evaluate("[...window.sentences].filter(text => !/before it/.test(text))") == []


def test_twelve_running_jobs_leave_connections_free(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    for number in range(12):
        submit(http, f"job {number}")
    page = tabs.open(api.url)
    for _ in range(12):
        worker.report(worker.claim(), "denoising", 1, 20)
    expect(page.locator("article[data-status=running]")).to_have_count(12)
    assert page.evaluate("fetch('/healthz', {signal: AbortSignal.timeout(5000)}).then(r => r.status)") == 200


def test_nothing_moves_while_jobs_run(tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    submit(http, "first", n=4)
    submit(http, "second", n=2)
    page = tabs.open(api.url)
    expect(card(page, "second")).to_be_visible()
    page.mouse.move(400, 500)
    page.evaluate(_SHIFTS)
    for _ in range(2):
        record = worker.claim()
        for step in range(1, 6):
            worker.report(record, "denoising", step, 80)
        worker.finish(record)
    expect(page.locator("article[data-status=succeeded]")).to_have_count(2)
    expect(page.locator("img.picture.shown")).to_have_count(6)
    assert page.evaluate("window.shift") < 0.01


def test_markup_in_prompts_is_text(tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    prompt = "<img src=x onerror=alert(1)><b>bold</b> &amp; ${1+1} \u202e"
    submit(http, prompt, metadata={"<i>": "<script>"})
    worker.finish(worker.claim())
    page = tabs.open(api.url)
    expect(page.get_by_role("article").get_by_text(prompt)).to_be_visible()
    page.get_by_role("button", name="Open picture 1").click()
    expect(page.get_by_role("dialog").get_by_text(prompt).first).to_be_visible()
    assert page.locator("b, i, img[src=x]").filter(has_text="bold").count() == 0


def test_a_failed_job_says_why_and_what_to_do(tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    submit(http)
    page = tabs.open(api.url)
    worker.fail(worker.claim())
    expect(card(page)).to_contain_text("The image contains NaN.")
    expect(card(page)).to_contain_text("Use another sampler")


def test_refused_field_is_marked(tabs: Tabs, api: RunningApi, worker: Worker) -> None:
    tabs.expect_error("422")
    page = tabs.open(api.url)
    prompt_field(page).fill("a red circle")
    page.get_by_role("spinbutton", name="Steps").evaluate("field => field.removeAttribute('max')")
    page.get_by_role("spinbutton", name="Steps").fill("100000")
    page.get_by_role("spinbutton", name="Steps").press("Tab")
    page.get_by_role("button", name="Generate").click()
    steps = page.locator("[data-field=steps]")
    expect(steps.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("spinbutton", name="Steps").fill("10")
    page.get_by_role("spinbutton", name="Steps").press("Tab")
    expect(steps.get_by_role("alert")).not_to_be_attached()


def test_a_deleted_job_disappears_from_every_tab(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker
) -> None:
    job_id = submit(http)
    worker.finish(worker.claim())
    page = tabs.open(api.url)
    expect(card(page)).to_be_visible()
    http.delete(f"/v1/jobs/{job_id}").raise_for_status()
    expect(card(page)).not_to_be_attached()


def show_hidden(page: Page, hidden: bool) -> None:
    """Make the page believe that its tab is hidden."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def test_hidden_tab_closes_its_stream(
    tabs: Tabs, api: RunningApi, http: httpx2.Client, worker: Worker, store: RedisJobStore
) -> None:
    submit(http)
    page = tabs.open(api.url, clock=True)
    expect(card(page)).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "/v1/events" in request.url):
        show_hidden(page, True)
        page.clock.fast_forward(11_000)
    with page.expect_request(lambda request: "/v1/jobs?" in request.url):
        page.clock.fast_forward(16_000)
    with page.expect_request(lambda request: "/v1/events" in request.url):
        show_hidden(page, False)
