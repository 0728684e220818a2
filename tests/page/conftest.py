"""One real service and one browser per session; tabs of its own for each test."""

import asyncio
import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from renderq_shared.access import KeyStore, NewKey, new_key
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.clients import sync_client
from tests.api.assets.image_files import image_file
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.fast_model.catalog import MODELS_TOML, fast_model
from tests.page.browser import CHROMIUM, Tabs, launch
from tests.page.node import PACKAGES
from tests.page.services import OwnApi, PageService, own_api

MakeKey = Callable[..., str]

CATALOG = f"""
[models.shapes]
source = "{fast_model().source}"

[styles.watercolor]
title = "Watercolor"
prompt = "a watercolor painting of {{prompt}}, soft washes"
negative_prompt = "photo"
"""

expect.set_options(timeout=45_000)  # a busy machine may take its time


@pytest.fixture(scope="session")
def browser_and_loop() -> Iterator[tuple[Browser, asyncio.AbstractEventLoop]]:
    if CHROMIUM is None:
        reason = "no browser is installed: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with sync_playwright() as playwright:
        loop = asyncio.get_running_loop()
        with launch(playwright) as browser:
            asyncio._set_running_loop(None)
            yield browser, loop
            asyncio._set_running_loop(loop)


@pytest.fixture
def tabs(browser_and_loop: tuple[Browser, asyncio.AbstractEventLoop]) -> Iterator[Tabs]:
    """Tabs that fail the test if a page logs an error, violates its policy, or asks another origin."""
    browser, loop = browser_and_loop
    # Playwright leaves its loop running in this thread between calls; asynchronous tests would find it there.
    asyncio._set_running_loop(loop)
    tabs = Tabs(browser)
    try:
        yield tabs
        assert tabs.close() == []
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def axe() -> str:
    """Source text of axe-core."""
    path = PACKAGES / "axe-core" / "axe.min.js"
    if not path.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("axe-core is not installed: make page-setup")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageService]:
    folder = tmp_path_factory.mktemp("page")
    catalog = MODELS_TOML.read_text(encoding="utf-8").replace('source = "shapes"', f'source = "{fast_model().source}"')
    (folder / "models.toml").write_text(
        f'{catalog}\n[loras.ink]\nsource = "builtin:ink"\nbase = "shapes"\ntitle = "Ink"\n'
    )
    with PageService(folder, models=folder / "models.toml") as service:
        yield service


@pytest.fixture
def service(shared_service: PageService) -> PageService:
    """The session's service, without jobs."""
    shared_service.delete_jobs()
    return shared_service


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnApi]:
    folder = tmp_path_factory.mktemp("api")
    (folder / "models.toml").write_text(CATALOG, encoding="utf-8")
    with own_api(folder, keys="auto", models=folder / "models.toml") as api:
        yield api


@pytest.fixture
def api(shared_api: OwnApi) -> RunningApi:
    """The session's API without keys, jobs and workers."""
    return shared_api.emptied()


@pytest.fixture
def store(api: RunningApi) -> Iterator[RedisJobStore]:
    with sync_client(api.settings.redis_url) as client:
        yield RedisJobStore(client)


@pytest.fixture
def worker(api: RunningApi, store: RedisJobStore) -> Worker:
    """A registered worker of `api` for the built-in model, driven by the test."""
    worker = Worker(store, FolderStore(api.settings.store_folder), image=image_file(width=64, height=64))
    worker.register()
    return worker


@pytest.fixture(scope="session")
def shared_keyed_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnApi]:
    with own_api(tmp_path_factory.mktemp("keyed"), keys="required") as api:
        yield api


@pytest.fixture
def keyed_api(shared_keyed_api: OwnApi) -> RunningApi:
    """The session's API that requires keys, without keys, jobs and workers."""
    return shared_keyed_api.emptied()


@pytest.fixture
def make_key(keyed_api: RunningApi) -> Iterator[MakeKey]:
    """Return a function that creates a key of `keyed_api` and returns its text; options are the key's fields."""
    with sync_client(keyed_api.settings.redis_url) as redis:

        def create(**fields: object) -> str:
            key = new_key()
            assert KeyStore(redis).create(NewKey(key.id, key.digest, "test", **fields))
            return key.text

        yield create
