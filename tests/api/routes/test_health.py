"""`/healthz` and `/readyz`."""

import shutil
from pathlib import Path

import httpx2
import redis

from renderq_shared.objects.store_identity import STORE_KEY
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi


def test_alive_and_ready(http: httpx2.Client) -> None:
    for path, body in (("/healthz", {"status": "ok"}), ("/readyz", {"status": "ok", "problems": []})):
        response = http.get(path)
        assert (response.status_code, response.json()) == (200, body)


def test_folder_that_cannot_be_written_is_named(settings_for: SettingsFor, tmp_path: Path) -> None:
    with RunningApi(settings_for(store=f"folder:{tmp_path}/store")) as api, api.client() as http:
        assert http.get("/readyz").status_code == 200  # the first check is done; it would create the folder again
        shutil.rmtree(tmp_path / "store")
        (tmp_path / "store").write_text("in the way")
        document = problem(http.get("/readyz"), "storage_unavailable")
        assert str(tmp_path / "store") in document["detail"]
        assert http.get("/healthz").status_code == 200


def test_api_with_another_folder_than_the_last_one_is_not_ready(
    settings_for: SettingsFor, tmp_path: Path, redis_url: str
) -> None:
    with RunningApi(settings_for(store=f"folder:{tmp_path}/a")) as first, first.client() as http:
        assert http.get("/readyz").status_code == 200
        with RunningApi(settings_for(store=f"folder:{tmp_path}/b")) as second, second.client() as other:
            assert other.get("/readyz").status_code == 200
            problem(http.get("/readyz"), "service_unavailable")
        with redis.Redis.from_url(redis_url) as client:
            client.delete(STORE_KEY)
        assert http.get("/readyz").status_code == 200
