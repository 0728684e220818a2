from collections.abc import Iterator

import pytest

from renderq_shared.settings import ApiSettings
from tests.api.running_api import RunningApi
from tests.api.webhooks.receivers import WebhookReceiver, webhook_receiver
from tests.api.webhooks.webhook_jobs import WEBHOOK_SETTINGS
from tests.valkey_server import Valkey


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def shared_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """The module's API with webhooks enabled; replaces the default one."""
    valkey.empty()
    with RunningApi(
        ApiSettings(**WEBHOOK_SETTINGS, data=tmp_path_factory.mktemp("api"), redis_url=valkey.url, port=0)
    ) as api:
        yield api
