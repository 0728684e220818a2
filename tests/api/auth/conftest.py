from collections.abc import Callable, Iterator

import httpx2
import pytest

from renderq_shared.access import KeyStore, NewKey, new_key
from renderq_shared.redis.clients import sync_client
from renderq_shared.settings import ApiSettings
from tests.api.running_api import RunningApi
from tests.valkey_server import Valkey

ClientOf = Callable[..., httpx2.Client]


@pytest.fixture(scope="module")
def shared_keyed_api(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    valkey.empty()
    folder = tmp_path_factory.mktemp("keyed")
    with RunningApi(ApiSettings(data=folder, redis_url=valkey.url, port=0, keys="required", sweep_seconds=0.2)) as api:
        yield api


@pytest.fixture
def keyed_api(shared_keyed_api: RunningApi, redis_url: str) -> RunningApi:
    """The module's API that requires keys, on an empty Redis."""
    return shared_keyed_api


@pytest.fixture
def keys(redis_url: str) -> Iterator[KeyStore]:
    with sync_client(redis_url) as client:
        yield KeyStore(client)


def make_key(keys: KeyStore, name: str, **fields: object) -> str:
    """Create a key and return its text."""
    key = new_key()
    assert keys.create(NewKey(key.id, key.digest, name, **fields))
    return key.text


@pytest.fixture
def client_of(keyed_api: RunningApi, keys: KeyStore) -> Iterator[ClientOf]:
    """Return a factory: tenant → client with a new key; options are the key's fields."""
    clients: list[httpx2.Client] = []

    def client(tenant: str, **fields: object) -> httpx2.Client:
        text = make_key(keys, f"key of {tenant}", tenant=tenant, **fields)
        clients.append(keyed_api.client(headers={"Authorization": f"Bearer {text}"}))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


@pytest.fixture
def anonymous(keyed_api: RunningApi) -> Iterator[httpx2.Client]:
    """A client without a key."""
    with keyed_api.client() as client:
        yield client
