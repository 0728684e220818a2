"""Signing in with an API key: asked for only when needed, never in an address."""

from typing import Any

import pytest
from playwright.sync_api import expect

from renderq_shared.access import KeyStore
from renderq_shared.redis.clients import sync_client
from tests.api.running_api import RunningApi
from tests.page.browser import Tabs
from tests.page.conftest import MakeKey
from tests.page.views import card, expect_signed_in, prompt_field, sign_in, sign_in_dialog


@pytest.fixture(autouse=True)
def refusals(tabs: Tabs) -> None:
    """Responses without a valid key are expected here."""
    tabs.expect_error("401")


def job(api: RunningApi, key: str, **fields: Any) -> str:
    """Submit a job and return its id."""
    with api.client(headers={"Authorization": f"Bearer {key}"}) as http:
        response = http.post("/v1/jobs", json={"prompt": "a red circle", **fields})
    assert response.status_code == 201, response.text
    return response.json()["id"]


def test_sign_in_with_key(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    key = make_key(tenant="ada")
    job(keyed_api, key)
    page = tabs.open(keyed_api.url)
    sign_in(page, key)
    expect_signed_in(page)
    expect(card(page, "a red circle")).to_be_visible()
    page.reload()
    expect_signed_in(page)


def test_wrong_key(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    page = tabs.open(keyed_api.url)
    sign_in(page, make_key()[:-1] + "x")
    expect(sign_in_dialog(page).get_by_role("alert")).to_contain_text("key")
    assert page.evaluate("[...Object.values(sessionStorage), ...Object.values(localStorage)].join()").count("rq_") == 0
    sign_in(page, make_key())
    expect_signed_in(page)


def test_a_key_stays_only_if_asked_to(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    page = tabs.open(keyed_api.url)
    sign_in(page, make_key())
    expect_signed_in(page)
    other = tabs.open(keyed_api.url, beside=page)
    expect(sign_in_dialog(other)).to_be_visible()
    sign_in(other, make_key(), remember=True)
    expect_signed_in(other)
    expect_signed_in(tabs.open(keyed_api.url, beside=page))


def test_revoked_key_keeps_the_draft(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    page = tabs.open(keyed_api.url)
    key = make_key()
    sign_in(page, key)
    expect_signed_in(page)
    prompt = prompt_field(page)
    prompt.fill("two green squares")
    with sync_client(keyed_api.settings.redis_url) as redis:
        assert KeyStore(redis).revoke(key.split("_")[0] + "_" + key.split("_")[1])
    prompt.press("Control+Enter")
    expect(sign_in_dialog(page)).to_be_visible()
    sign_in(page, make_key())
    expect_signed_in(page)
    expect(prompt).to_have_value("two green squares")


def test_sign_out_is_seen_in_every_tab(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    page = tabs.open(keyed_api.url)
    sign_in(page, make_key(), remember=True)
    expect_signed_in(page)
    other = tabs.open(keyed_api.url, beside=page)
    expect_signed_in(other)
    page.get_by_role("button", name="Settings and account").click()
    page.get_by_text("Sign out").click()
    for each in (page, other):
        expect(sign_in_dialog(each)).to_be_visible()


def test_key_is_in_no_url(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    key = make_key()
    page = tabs.open(keyed_api.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.url} {request.headers.get('cookie', '')}"))
    sign_in(page, key)
    expect_signed_in(page)
    prompt_field(page).fill("a red circle")
    page.get_by_role("button", name="Generate").click()
    expect(card(page, "a red circle")).to_be_visible()
    assert asked
    assert [each for each in asked if key in each or "token" in each] == []
    assert key not in page.url
    assert page.context.cookies() == []


def test_other_tenants_job_address_is_not_found(tabs: Tabs, keyed_api: RunningApi, make_key: MakeKey) -> None:
    tabs.expect_error("404")
    secret = job(keyed_api, make_key(tenant="eve"), prompt="a secret")
    page = tabs.open(keyed_api.url, f"/jobs/{secret}")
    sign_in(page, make_key(tenant="ada"))
    expect(page.get_by_text("There is no such job")).to_be_visible()
    expect(page.get_by_text("a secret")).not_to_be_attached()
