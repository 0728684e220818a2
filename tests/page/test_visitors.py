"""An open demo: no sign-in, only what a visitor may do, and waiting for a place without the reader."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Page, Response, Route, expect

from renderq_shared.access import KeyStore, NewKey, Role, new_key
from renderq_shared.access.script_calls import remove_visitors
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from renderq_shared.redis.scripts import execute
from tests.api.assets.image_files import image_file
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.page.axe import LOOKS, violations
from tests.page.browser import Tabs
from tests.page.services import OwnApi, own_api
from tests.page.views import (
    card,
    expect_loaded,
    expect_signed_in,
    pictures,
    prompt_field,
    sign_in,
    sign_in_dialog,
)

PLACES = 2
"""Of visitors at a time. Of their jobs there is one."""
DAILY_KEYS = 3
DAILY_JOBS = 2
"""Of one address."""


@pytest.fixture(scope="module")
def shared_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnApi]:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "words").write_text("unicorn\n", encoding="utf-8")
    limits = {"visitors_max": PLACES, "visitors_open_jobs": 1, "visitors_refuse": folder / "words"}
    of_a_day = {"visitors_keys_per_address": DAILY_KEYS, "visitors_jobs_per_address": DAILY_JOBS}
    with own_api(folder, keys="required", visitors="on", **limits, **of_a_day) as api:
        yield api


@pytest.fixture
def demo(shared_demo: OwnApi) -> RunningApi:
    """The module's open demo without visitors, keys and jobs."""
    return shared_demo.emptied()


@pytest.fixture
def other(demo: RunningApi) -> Iterator[httpx2.Client]:
    """Another visitor."""
    with demo.client(headers={"X-Forwarded-For": "192.0.2.1"}) as http:
        http.headers["Authorization"] = f"Bearer {http.post('/v1/visitors').json()['key']}"
        yield http


def remove_all_visitors(demo: RunningApi) -> None:
    with sync_client(demo.settings.redis_url) as redis:
        execute(redis, remove_visitors(list(map(str, redis.zrange("rq:visitors", 0, -1)))))


def visitor_keys(demo: RunningApi) -> int:
    with sync_client(demo.settings.redis_url) as redis:
        return redis.zcard("rq:visitors")


def expect_ready(page: Page) -> None:
    expect(page.get_by_role("button", name="Generate")).to_be_enabled()
    expect(sign_in_dialog(page)).not_to_be_attached()


def test_a_visitor_gets_a_picture_without_signing_in(tabs: Tabs, demo: RunningApi) -> None:
    page = tabs.open(demo.url)
    expect_ready(page)
    with sync_client(demo.settings.redis_url) as redis:
        worker = Worker(
            RedisJobStore(redis), FolderStore(demo.settings.store_folder), image=image_file(width=64, height=64)
        )
        worker.register()
        prompt_field(page).fill("a red circle")
        prompt_field(page).press("Control+Enter")
        expect(card(page, "a red circle")).to_contain_text("Next in line")
        worker.finish(worker.claim())
    expect_loaded(pictures(card(page, "a red circle")))
    page.reload()
    expect(card(page, "a red circle")).to_be_visible()
    expect(tabs.open(demo.url, beside=page).get_by_role("article", name="a red circle")).to_be_visible()
    assert visitor_keys(demo) == 1


def test_the_page_offers_what_a_visitor_may_do(tabs: Tabs, demo: RunningApi) -> None:
    page = tabs.open(demo.url)
    expect_ready(page)
    draft = '{"prompt": "x", "n": 8, "priority": 3, "settings": {"shapes": {"steps": 50, "width": 128}}}'
    page.evaluate("draft => localStorage.setItem('renderq.draft', draft)", draft)
    page.reload()
    expect_ready(page)
    assert page.get_by_role("radiogroup", name="Number of pictures").inner_text().split() == ["1", "2"]
    expect(page.get_by_role("slider", name="Steps")).to_have_attribute("max", "20")
    expect(page.get_by_role("spinbutton", name="Width")).to_have_attribute("max", "64")
    expect(page.get_by_role("heading", name="Run your own")).to_be_visible()
    for more in page.locator("details.fold").all():
        more.locator("summary").click()
    for name in ("Add a picture", "Sweep", "Priority", "Enlarge"):
        expect(page.get_by_label(name)).to_have_count(0)
    with page.expect_response(lambda response: response.request.method == "POST") as submission:
        prompt_field(page).press("Control+Enter")
    assert submission.value.request.post_data_json == {"prompt": "x", "n": 2}
    assert submission.value.status == 201


def test_a_refused_prompt_is_marked(tabs: Tabs, demo: RunningApi) -> None:
    tabs.expect_error("422")
    page = tabs.open(demo.url)
    prompt_field(page).fill("a unicorn")
    expect_ready(page)
    prompt_field(page).press("Control+Enter")
    expect(page.locator("[data-field=prompt]").get_by_role("alert")).to_contain_text("does not accept this prompt")


def test_a_job_is_sent_once_a_place_is_free(tabs: Tabs, demo: RunningApi, other: httpx2.Client) -> None:
    tabs.expect_error("429")
    job = other.post("/v1/jobs", json={"prompt": "taken"}).json()["id"]
    page = tabs.open(demo.url, clock=True)
    expect_ready(page)
    prompt_field(page).fill("a red circle")
    prompt_field(page).press("Control+Enter")
    expect(page.get_by_text("This demo is full. It is sent by itself in")).to_be_visible()
    other.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    page.clock.fast_forward(16_000)
    expect(card(page, "a red circle")).to_be_visible()
    expect(page.get_by_text("This demo is full")).not_to_be_attached()


def test_the_page_waits_for_a_place(tabs: Tabs, demo: RunningApi, other: httpx2.Client) -> None:
    tabs.expect_error("429")
    with demo.client() as http:
        http.post("/v1/visitors").raise_for_status()
    page = tabs.open(demo.url, clock=True)
    expect(page.get_by_text(re.compile(r"This demo is full; a place is free in about (24 hr|1 day)\."))).to_be_visible()
    expect(page.get_by_text("The page asks again by itself.")).to_be_visible()
    expect(page.get_by_role("heading", name="Run your own")).to_be_visible()
    remove_all_visitors(demo)
    page.clock.fast_forward(301_000)
    expect_ready(page)
    expect(page.get_by_text("This demo is full")).not_to_be_attached()


@pytest.mark.parametrize(
    ("locale", "more_jobs", "more_visitors"),
    [
        ("en-US", "Visitors from your address have submitted all their jobs", "had all its visitors of today"),
        ("de-DE", "Besucher von deiner Adresse haben heute schon alle", "Von deiner Adresse kamen heute schon alle"),
    ],
)
def test_limits_of_a_day_are_explained_in_both_languages(
    tabs: Tabs, demo: RunningApi, locale: str, more_jobs: str, more_visitors: str
) -> None:
    tabs.expect_error("429|401")
    with demo.client() as http:
        for _ in range(DAILY_KEYS - 1):
            http.headers["Authorization"] = f"Bearer {http.post('/v1/visitors').json()['key']}"
        for _ in range(DAILY_JOBS):
            job = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
            http.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    remove_all_visitors(demo)
    page = tabs.open(demo.url, locale=locale)
    prompt_field(page).fill("a red circle")
    expect(page.locator("button.generate")).to_be_enabled()
    prompt_field(page).press("Control+Enter")
    expect(page.get_by_text(more_jobs)).to_be_visible()
    remove_all_visitors(demo)  # the address has had all its keys, too
    expect(page.get_by_text(more_visitors)).to_be_visible()


def test_another_picture_like_it_is_sent_once_a_place_is_free(
    tabs: Tabs, demo: RunningApi, other: httpx2.Client
) -> None:
    tabs.expect_error("429")
    page = tabs.open(demo.url, clock=True)
    with sync_client(demo.settings.redis_url) as redis:
        worker = Worker(
            RedisJobStore(redis), FolderStore(demo.settings.store_folder), image=image_file(width=64, height=64)
        )
        worker.register()
        prompt_field(page).fill("a red circle")
        expect_ready(page)
        prompt_field(page).press("Control+Enter")
        expect(card(page, "a red circle")).to_contain_text("Next in line")
        worker.finish(worker.claim())
    taken = other.post("/v1/jobs", json={"prompt": "taken"}).json()["id"]
    card(page, "a red circle").get_by_role("button", name="More like it").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("This demo is full. It is sent by itself in")
    other.post(f"/v1/jobs/{taken}/cancel").raise_for_status()
    page.clock.fast_forward(16_000)
    expect(card(page, "a red circle")).to_have_count(2)


def test_a_visitor_whose_day_is_over_becomes_another(tabs: Tabs, demo: RunningApi) -> None:
    tabs.expect_error("401")
    page = tabs.open(demo.url)
    expect_ready(page)
    prompt_field(page).fill("a red circle")
    prompt_field(page).press("Control+Enter")
    expect(card(page, "a red circle")).to_be_visible()
    with page.expect_response(lambda response: response.url.endswith("/v1/visitors")) as admission:
        remove_all_visitors(demo)  # which ends the event stream
    assert admission.value.status == 201
    expect(card(page, "a red circle")).not_to_be_attached()
    expect_ready(page)
    expect(prompt_field(page)).to_have_value("a red circle")


def test_tabs_whose_visitor_is_over_share_the_next_one(tabs: Tabs, demo: RunningApi) -> None:
    tabs.expect_error("401")
    first = tabs.open(demo.url)
    expect_ready(first)
    both = (first, tabs.open(demo.url, beside=first))
    expect_ready(both[1])
    refused: set[Page] = set()
    asked: list[Route] = []
    waiting: list[Route] = []

    def proceed_once_both_are_refused() -> None:
        while len(refused) == 2 and waiting:
            waiting.pop().continue_()

    def hold(route: Route) -> None:
        asked.append(route)
        waiting.append(route)
        proceed_once_both_are_refused()

    def note(response: Response) -> None:
        if response.status == 401:
            refused.add(response.frame.page)
            proceed_once_both_are_refused()

    def is_admitted(response: Response) -> bool:
        return response.url.endswith("/v1/me") and response.ok

    first.context.route("**/v1/visitors", hold)
    first.context.on("response", note)
    with first.expect_response(is_admitted), both[1].expect_response(is_admitted):
        remove_all_visitors(demo)
    for page in both:
        expect_ready(page)
    assert (len(asked), visitor_keys(demo)) == (1, 1)


def test_a_visitor_can_sign_in_and_out(tabs: Tabs, demo: RunningApi) -> None:
    tabs.expect_error("401")
    key = new_key()
    with sync_client(demo.settings.redis_url) as redis:
        KeyStore(redis).create(NewKey(key.id, key.digest, "ada's", tenant="ada", role=Role.ADMIN))
    page = tabs.open(demo.url)
    expect_ready(page)
    account = page.get_by_role("button", name="Settings and account")
    expect(account).to_contain_text("Visitor")
    account.click()
    page.get_by_role("menuitem", name="Sign in").click()
    sign_in(page, new_key().text)
    expect(sign_in_dialog(page).get_by_role("alert")).to_be_visible()
    sign_in(page, key.text)
    expect_signed_in(page)
    expect(account).to_contain_text("ada")
    expect(page.get_by_role("heading", name="Run your own")).not_to_be_attached()
    account.click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(account).to_contain_text("Visitor")
    expect_ready(page)
    assert visitor_keys(demo) == 1


@pytest.mark.parametrize("look", ["light", "phone"])
def test_the_view_of_a_visitor_passes_axe(tabs: Tabs, demo: RunningApi, axe: str, look: str) -> None:
    page = tabs.open(demo.url, **LOOKS[look])
    expect_ready(page)
    assert violations(page, axe) == []


def test_the_view_without_a_place_passes_axe(tabs: Tabs, demo: RunningApi, other: httpx2.Client, axe: str) -> None:
    tabs.expect_error("429")
    with demo.client() as http:
        http.post("/v1/visitors").raise_for_status()
    page = tabs.open(demo.url, locale="de-DE", **LOOKS["dark"])
    expect(page.get_by_text(re.compile(r"Diese Demo ist voll; in etwa (24 Std|1 Tag)"))).to_be_visible()
    assert violations(page, axe) == []
