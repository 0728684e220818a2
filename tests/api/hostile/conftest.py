from collections.abc import Iterator

import httpx2
import pytest

from renderq_shared.access import KeyStore, Role
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.auth.conftest import make_key
from tests.api.running_api import RunningApi
from tests.api.webhooks.webhook_jobs import WEBHOOK_SETTINGS
from tests.valkey_server import Valkey


@pytest.fixture(scope="module")
def shared_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """The module's API with all features enabled, keys included; replaces the default one."""
    valkey.empty()
    settings = ApiSettings(
        **WEBHOOK_SETTINGS,
        data=tmp_path_factory.mktemp("api"),
        redis_url=valkey.url,
        port=0,
        keys="required",
        log_format="json",
    )
    with RunningApi(settings) as api:
        yield api


@pytest.fixture
def authorization(api: RunningApi) -> dict[str, str]:
    """`Authorization` header of an admin of the tenant ada."""
    with sync_client(api.settings.redis_url) as client:
        return {"Authorization": f"Bearer {make_key(KeyStore(client), 'ada', tenant='ada', role=Role.ADMIN)}"}


@pytest.fixture
def http(api: RunningApi, authorization: dict[str, str]) -> Iterator[httpx2.Client]:
    with api.client(headers=authorization) as client:
        yield client
