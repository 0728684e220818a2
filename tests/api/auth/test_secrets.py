"""Secret of the event tokens: in a private file or in RENDERQ_SECRET, never in Redis."""

import base64
import hashlib
import hmac
import stat
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from renderq_api.auth import compare_secrets, load_secrets
from renderq_api.errors import SecretUnusable
from renderq_shared.access import KeyStore
from renderq_shared.redis.clients import async_client
from renderq_shared.settings import ApiSettings
from tests.api.auth.conftest import make_key
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi

OLD, NEW = "o" * 32, "n" * 32


def events_url(api: RunningApi, key: str) -> str:
    """Submit a job and return path and query of its events URL."""
    with api.client(headers={"Authorization": f"Bearer {key}"}) as http:
        parts = urlsplit(http.post("/v1/jobs", json={"prompt": "x"}).json()["urls"]["events"])
    return f"{parts.path}?{parts.query}"


def status(api: RunningApi, url: str) -> int:
    with api.client() as http, http.stream("GET", url) as response:
        return response.status_code


def test_digest_of_a_key_forges_no_token(settings_for: SettingsFor, keys: KeyStore) -> None:
    key = make_key(keys, "victim", tenant="victim")
    [record] = keys.read().keys or ()
    with RunningApi(settings_for(keys="required")) as api, api.client() as http:
        url = urlsplit(events_url(api, key))
        job_id, expires = url.path.split("/")[3], int(time.time()) + 600
        for message in (
            f"renderq events {record.id} {job_id} {expires}",
            f"renderq events {record.id} {record.digest} {job_id} {expires}",
        ):
            for secret in (record.digest.encode(), bytes.fromhex(record.digest), b""):
                mac = base64.urlsafe_b64encode(hmac.digest(secret, message.encode(), hashlib.sha256)).rstrip(b"=")
                token = f"{record.id}.{expires}.{mac.decode()}"
                assert [len(part) for part in token.split(".")] == [
                    len(part) for part in parse_qs(url.query)["token"][0].split(".")
                ]
                problem(http.get(url.path, params={"token": token}), "unauthorized")


def test_secret_outlasts_a_restart_and_is_private(settings_for: SettingsFor, keys: KeyStore, tmp_path: Path) -> None:
    key = make_key(keys, "ada")
    with RunningApi(settings_for(keys="required")) as api:
        url = events_url(api, key)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    with RunningApi(settings_for(keys="required")) as api:
        assert status(api, url) == 200


def test_processes_with_the_same_secret_accept_each_others_tokens(
    settings_for: SettingsFor, keys: KeyStore, tmp_path: Path
) -> None:
    key = make_key(keys, "ada")
    store = f"folder:{tmp_path}/objects"
    shared = {"keys": "required", "store": store, "history_url": f"sqlite:///{tmp_path}/history.db"}
    first = settings_for(secret=f"{OLD}, {NEW}", data=tmp_path / "a", **shared)
    second = settings_for(secret=f"{NEW},{OLD}", data=tmp_path / "b", **shared)
    without = settings_for(secret=NEW, data=tmp_path / "c", **shared)
    with RunningApi(first) as one, RunningApi(second) as other, RunningApi(without) as last:
        old, new = events_url(one, key), events_url(other, key)
        assert [status(each, old) for each in (one, other, last)] == [200, 200, 401]
        assert [status(each, new) for each in (one, other, last)] == [200, 200, 200]
    assert not (tmp_path / "a" / "secret").exists()


async def test_another_secret_is_noticed(redis_url: str) -> None:
    async with async_client(redis_url) as redis:
        assert await compare_secrets(redis, [OLD.encode()]) is None
        assert await compare_secrets(redis, [NEW.encode(), OLD.encode()]) is None
        assert "RENDERQ_SECRET" in str(await compare_secrets(redis, [OLD.encode()]))
        assert OLD not in str(await redis.get("rq:secret-fingerprint"))


@pytest.mark.parametrize("secret", ["short", f"{OLD},short", f"{OLD},"])
def test_short_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValidationError, match="at least 32 random characters"):
        ApiSettings(secret=secret)


def test_unusable_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(SecretUnusable, match="RENDERQ_SECRET"):
        load_secrets(ApiSettings(data=tmp_path))
    assert load_secrets(ApiSettings(data=tmp_path, secret=OLD)) == (OLD.encode(),)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
