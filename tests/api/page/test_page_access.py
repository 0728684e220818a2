"""The page of a service that requires keys."""

from collections.abc import Iterator

import httpx2
import pytest

from renderq_shared.access import KeyStore, NewKey, new_key
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.page.addresses import VIEWS, files_path
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.valkey_server import Valkey


@pytest.fixture(scope="module")
def shared_keyed_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    valkey.empty()
    folder = tmp_path_factory.mktemp("keyed")
    with RunningApi(ApiSettings(data=folder, redis_url=valkey.url, port=0, keys="required")) as api:
        yield api


@pytest.fixture
def stranger(shared_keyed_api: RunningApi, redis_url: str) -> Iterator[httpx2.Client]:
    """A client without a key of an API that requires one."""
    with sync_client(redis_url) as redis:
        key = new_key()
        assert KeyStore(redis).create(NewKey(key.id, key.digest, "test"))
    with shared_keyed_api.client() as http:
        yield http


def test_the_page_needs_no_key(stranger: httpx2.Client) -> None:
    assert stranger.get("/v1/jobs").status_code == 401
    host = {"Host": "render.example.org"}
    for path in (*VIEWS, files_path(stranger) + "main.js"):
        assert stranger.get(path, headers=host).status_code == 200, path
    for path in ("/jobs", "/jobs/a/b", "/queue/", "/ui", "/uix/main.js"):
        problem(stranger.get(path), "unauthorized")


def test_a_proxy_names_the_path_prefix(stranger: httpx2.Client) -> None:
    assert 'data-base="/outer/"' in stranger.get("/", headers={"X-Forwarded-Prefix": "/outer"}).text
