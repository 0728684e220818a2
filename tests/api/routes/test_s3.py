"""The API on an S3 store: signed URLs, and errors when the store is down or denies access."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import open_store
from renderq_shared.redis.clients import sync_client
from tests.api.assets.image_files import image_file
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.routes.conftest import STORE
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.job_store.time_travel import make_older, make_older_until
from tests.polling import wait_until
from tests.s3_proxy import S3Proxy
from tests.s3_servers import Nanio, S3Server


@pytest.fixture
def own_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nanio]:
    """A separate server with our bucket, stopped."""
    (tmp_path / "s3").mkdir()
    server = Nanio(tmp_path / "s3")
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    server.start()
    server.client().create_bucket(Bucket="api-images")
    server.kill()
    yield server
    server.kill()


def finished(api: RunningApi, http: httpx2.Client, store: RedisJobStore) -> dict[str, str]:
    """Run a job and return its output."""
    worker = Worker(store, open_store(api.settings))
    worker.register()
    job = http.post("/v1/jobs", json={"prompt": "x"}).json()
    worker.finish(worker.claim())
    return http.get(f"/v1/jobs/{job['id']}").json()["outputs"][0]


def test_stable_address_leads_to_the_store(s3: S3Server, settings_for: SettingsFor, store: RedisJobStore) -> None:
    public = f"http://localhost:{s3.port}"
    with RunningApi(settings_for(store=STORE, s3_public_endpoint=public)) as api, api.client() as http:
        output = finished(api, http, store)
        response = http.get(output["url"])
        assert (response.status_code, response.headers["cache-control"]) == (302, "no-store")
        for address in (response.headers["location"], output["signed_url"]):
            assert address.startswith(f"{public}/api-images/some/prefix/jobs/")
            assert httpx2.get(address, trust_env=False).content == IMAGE_BYTES
        assert output["signed_url_expires_at"] is not None
        problem(http.get("/v1/files/jobs/x/y/0.png?expires=1&signature=x"), "not_found")


@pytest.mark.parametrize("kind", ["folder:", STORE], ids=["folder", "s3"])
def test_proxy_streams_the_image_itself(
    s3: S3Server, settings_for: SettingsFor, store: RedisJobStore, kind: str
) -> None:
    with RunningApi(settings_for(store=kind, image_delivery="proxy")) as api, api.client() as http:
        output = finished(api, http, store)
        assert output["signed_url"].startswith(f"{api.url}/v1/files/jobs/")
        with httpx2.Client(trust_env=False) as anonymous:
            assert anonymous.get(output["signed_url"], headers={"Range": "bytes=1-2"}).content == IMAGE_BYTES[1:3]
        whole, head = http.get(output["url"]), http.head(output["url"])
        assert (whole.status_code, whole.content, head.content) == (200, IMAGE_BYTES, b"")
        for name in ("content-length", "content-type", "content-disposition", "etag", "accept-ranges"):
            assert whole.headers[name] == head.headers[name]
        assert whole.headers["content-type"] == "image/png"
        assert whole.headers["cache-control"] == "private, no-cache"
        for byte_range, start, end in (
            ("0-0", 0, 1),
            ("100-", 100, len(IMAGE_BYTES)),
            ("-5", len(IMAGE_BYTES) - 5, len(IMAGE_BYTES)),
        ):
            part = http.get(output["url"], headers={"Range": f"bytes={byte_range}"})
            assert (part.status_code, part.content) == (206, IMAGE_BYTES[start:end])
            assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(IMAGE_BYTES)}"
        problem(http.get(output["url"], headers={"Range": "bytes=99999-"}), "range_not_satisfiable")
        assert http.get(output["url"], headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
        open_store(api.settings).delete_prefix("jobs/")
        problem(http.get(output["url"]), "not_found")


def test_assets_live_in_the_store_too(own_s3: Nanio, settings_for: SettingsFor) -> None:
    own_s3.start()
    with RunningApi(settings_for(store=STORE, sweep_seconds=0.1)) as api, api.client() as http:
        form = {"file": image_file()}
        asset = http.post("/v1/assets", files=form).json()
        address = http.get(asset["url"]).headers["location"]
        assert address.startswith(f"{own_s3.endpoint}/api-images/some/prefix/assets/")
        assert httpx2.get(address, trust_env=False).content == form["file"]
        own_s3.kill()
        problem(http.post("/v1/assets", files={"file": image_file(width=40)}), "storage_unavailable")
        problem(http.post("/v1/assets", files=form), "storage_unavailable")
        own_s3.start()
        assert http.post("/v1/assets", files=form).json()["id"] == asset["id"]
        with sync_client(api.settings.redis_url) as client:
            make_older(client, 8 * 86_400_000)
        s3_client = own_s3.client()
        wait_until(lambda: not s3_client.list_objects_v2(Bucket="api-images", Prefix="some/prefix/assets")["KeyCount"])


def test_store_that_is_away_is_no_reason_not_to_start(own_s3: Nanio, settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(store=STORE)) as api, api.client() as http:
        document = problem(http.get("/readyz"), "storage_unavailable")
        assert STORE in document["detail"]
        assert http.get("/healthz").status_code == 200
        assert http.post("/v1/jobs", json={"prompt": "x"}).status_code == 201
        own_s3.start()
        wait_until(lambda: http.get("/readyz").status_code == 200, timeout_s=30)


def test_image_of_a_store_that_went_away(own_s3: Nanio, settings_for: SettingsFor, store: RedisJobStore) -> None:
    own_s3.start()
    with RunningApi(settings_for(store=STORE, image_delivery="proxy")) as api, api.client() as http:
        output = finished(api, http, store)
        own_s3.kill()
        problem(http.get(output["url"]), "storage_unavailable")
        own_s3.start()
        assert http.get(output["url"]).content == IMAGE_BYTES


def test_files_of_a_deleted_job_are_deleted_by_a_store_that_refuses_many_at_once(
    s3: S3Server, settings_for: SettingsFor, store: RedisJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with S3Proxy(s3.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        settings = settings_for(store=STORE, s3_checksums="when_required", sweep_seconds=0.1)
        with RunningApi(settings) as api, api.client() as http, sync_client(api.settings.redis_url) as client:
            job_id = finished(api, http, store)["url"].split("/")[-3]
            proxy.multi_delete, proxy.single_delete = "MissingContentMD5", "AccessDenied"
            assert http.delete(f"/v1/jobs/{job_id}").status_code == 204
            wait_until(lambda: proxy.requests["delete"])
            assert files(s3, job_id)
            proxy.single_delete = "works"
            make_older_until(client, 60_000, lambda: not files(s3, job_id))
            wait_until(lambda: not client.exists("rq:removals", "rq:removal-attempts"))


def files(s3: S3Server, job_id: str) -> int:
    return s3.client().list_objects_v2(Bucket="api-images", Prefix=f"some/prefix/jobs/{job_id}/")["KeyCount"]


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"RENDERQ_STORE": "s3://there-is-none"}, "no such bucket"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        ({"RENDERQ_STORE": "s3:///x"}, "s3://BUCKET/PREFIX"),
        ({"RENDERQ_S3_PUBLIC_ENDPOINT": "images.example.com"}, "https://images.example.com"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    s3: S3Server, redis_url: str, tmp_path: Path, variables: dict[str, str], reason: str
) -> None:
    settings = {"RENDERQ_REDIS_URL": redis_url, "RENDERQ_DATA": str(tmp_path), "RENDERQ_STORE": STORE}
    done = subprocess.run(
        [sys.executable, "-m", "renderq", "api", "--port", "0"],
        env={**os.environ, **settings, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("renderq api: ")
    assert reason in line
