"""Each part on a host of its own with cables in between: the client's view, and a disconnected worker."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from renderq import Client
from tests.s3_servers import Nanio
from tests.system.cluster import Cluster
from tests.system.network import Network, unavailable_reason
from tests.system.raw_state import BUCKET, STORE, expected_keys, records, stored_keys
from tests.valkey_server import Valkey

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

API, S3 = "192.0.2.10", "192.0.2.20"
HOSTS = {
    "redis": {"inside": "10.77.0.2"},
    "s3": {"inside": "10.77.0.3", "outside": S3},
    "api": {"inside": "10.77.0.4", "outside": API},
    "w1": {"inside": "10.77.0.5"},
    "w2": {"inside": "10.77.0.6"},
    "client": {"outside": "192.0.2.30"},
}


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if reason := unavailable_reason():
        pytest.skip(reason)
    with Network(HOSTS) as network:
        yield network


@pytest.fixture(scope="module")
def valkey(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    # The server has no password: no other host is on its network.
    server = Valkey(tmp_path_factory.mktemp("valkey"), HOSTS["redis"]["inside"], **{"protected-mode": "no"})
    with network.on("redis"):
        server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def s3(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nanio]:
    server = Nanio(tmp_path_factory.mktemp("s3"), HOSTS["s3"]["inside"])
    with network.on("s3"):
        server.start()
        server.client().create_bucket(Bucket=BUCKET)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def cluster(network: Network, valkey: Valkey, s3: Nanio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    settings = {
        **s3.env,
        "RENDERQ_HOST": "0.0.0.0",
        "RENDERQ_KEYS": "required",
        "RENDERQ_S3_PUBLIC_ENDPOINT": f"http://{S3}:{s3.port}",
        "RENDERQ_LEASE_SECONDS": "3",
    }
    with Cluster(tmp_path_factory.mktemp("cluster"), valkey.url, STORE, settings, network.on) as cluster:
        with network.on("api"):
            key = new_key(valkey.url)
        cluster.http = httpx2.Client(
            base_url=f"http://{API}:{cluster.http.base_url.port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=70,
            trust_env=False,
        )
        yield cluster


@pytest.fixture(autouse=True)
def on_the_clients_host(network: Network) -> Iterator[None]:
    with network.on("client"):
        yield


def new_key(redis_url: str) -> str:
    command = [sys.executable, "-m", "renderq", "keys", "create", "client", "--role", "admin", "--redis-url", redis_url]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_hosts_of_a_test_that_was_killed_are_removed_by_the_next(network: Network) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    subprocess.run(["ip", "netns", "add", f"renderq-{gone.pid}-left"], check=True)
    with Network({"other": {"inside": "10.77.0.9"}}, name="again"):
        left = {place.name for place in Path("/run/netns").iterdir()}
    assert f"renderq-{gone.pid}-left" not in left
    assert f"renderq-{os.getpid()}-switch" in left, "those of a living test stay"


def test_a_client_reaches_the_api_and_the_store_and_nothing_else(cluster: Cluster, valkey: Valkey, s3: Nanio) -> None:
    cluster.start_workers("w1", device="simulated:100")
    key = cluster.http.headers["Authorization"].removeprefix("Bearer ")
    with Client(str(cluster.http.base_url), key) as client:
        job = client.run("a red circle", n=2, steps=1)
        files = [image.bytes() for image in client.images(job)]
    for output, data in zip(job.outputs, files, strict=True):
        assert output.signed_url is not None
        assert output.signed_url.startswith(f"http://{S3}:{s3.port}/")
        assert httpx2.get(output.signed_url, trust_env=False).content == data
        assert hashlib.sha256(data).hexdigest() == output.sha256
    for inside in (s3.endpoint, valkey.url.replace("redis:", "http:")):
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(inside, trust_env=False)


def test_a_worker_that_is_cut_off_loses_its_job_and_can_do_no_harm_when_it_is_back(
    cluster: Cluster, network: Network, valkey: Valkey, s3: Nanio
) -> None:
    _, job_id = (cluster.submit(n=12, steps=30)["id"] for _ in range(2))  # the device steps 16 images at once
    cluster.wait_until(job_id, lambda job: job["worker"] == "w1")
    cluster.start_worker("w2", "--device", "simulated")
    cluster.wait_until(job_id, lambda job: 0 < job["progress"]["images_done"] < 12)
    network.disconnect("w1")
    job = cluster.wait_until_ended(job_id)
    assert (job["status"], job["worker"], job["attempt"], len(job["outputs"])) == ("succeeded", "w2", 2, 12)

    zombie = cluster.process("w1")
    zombie.wait_for_log("objects.call_failed")
    network.reconnect("w1")
    zombie.wait_for_log("job.abandoned")
    assert cluster.job(job_id)["version"] == job["version"]
    with network.on("redis"):
        named = expected_keys(records(valkey.url, [job_id]).values())
    with network.on("s3"):
        cluster.wait_for(lambda: stored_keys(s3, [job_id]) == named, "a store that holds nothing else")

    cluster.process("w2").stop()
    assert cluster.wait_until_ended(cluster.submit(steps=1)["id"])["worker"] == "w1"
