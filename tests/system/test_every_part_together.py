"""One customer's day with every part of the service, the built-in model, and a worker that dies in between."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from renderq import Client, JobCanceled, JobHandle, NotFound
from tests.api.webhooks.receivers import WebhookReceiver, webhook_receiver
from tests.s3_servers import S3Server
from tests.system.cluster import Cluster
from tests.system.raw_state import STORE, expected_keys, records, stored_keys
from tests.valkey_server import Valkey

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVERYTHING = ("job.started", "job.output", "job.succeeded", "job.canceled")


@pytest.fixture
def cluster(own_valkey: Valkey, own_s3: S3Server, tmp_path: Path) -> Iterator[Cluster]:
    settings = {
        **own_s3.env,
        "RENDERQ_LEASE_SECONDS": "3",
        "RENDERQ_WEBHOOK_SECRETS": SECRET,
        "RENDERQ_EGRESS_ALLOW": "127.0.0.0/8",
    }
    with Cluster(tmp_path, own_valkey.url, STORE, settings) as cluster:
        cluster.start_workers("w1", "w2", device="cpu")
        yield cluster


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Client]:
    with Client(str(cluster.http.base_url)) as client:
        yield client


def test_a_day_with_renderq(cluster: Cluster, client: Client, own_valkey: Valkey, own_s3: S3Server) -> None:
    with webhook_receiver() as receiver:

        def submit(**fields: object) -> JobHandle:
            hook = {"url": receiver.url, "events": EVERYTHING}
            return client.submit("a red circle on a blue background", webhook=hook, **fields)

        long = submit(n=2, steps=80, seed=7)
        short = [submit(n=2, steps=4, seed=seed) for seed in range(5)]
        unwanted = submit(steps=20)
        unwanted.cancel()
        with pytest.raises(JobCanceled):
            unwanted.wait()
        again = unwanted.retry()
        assert again.job.retried_from == unwanted.id

        watch_and_kill(cluster, long)
        for handle in (*short, again):
            handle.wait()
        ended = [long, *short, unwanted, again]
        assert [job.id for job in client.jobs.list(page_size=3)] == [handle.id for handle in reversed(ended)]
        for handle in (long, *short, again):
            for image in handle.images:
                assert hashlib.sha256(image.bytes()).hexdigest() == image.output.sha256

        kept = records(own_valkey.url, [handle.id for handle in ended])
        check_webhooks(cluster, receiver, ended)

    forgotten = short[0]
    forgotten.delete()
    with pytest.raises(NotFound):
        forgotten.status()
    del kept[forgotten.id]
    everything = {handle.id for handle in ended}
    cluster.wait_for(
        lambda: stored_keys(own_s3, everything) == expected_keys(kept.values()),
        "a store with only the remaining objects",
    )


def watch_and_kill(cluster: Cluster, handle: JobHandle) -> None:
    """Follow a job to its end; its first worker is killed."""
    killed, versions, names = None, [], []
    for event in handle.events():
        versions.append(event.job.version)
        names.append(event.name)
        if killed is None and event.job.stage == "denoising":
            killed = event.job.worker
            cluster.process(killed).kill()
    job = handle.job
    assert killed is not None
    assert (job.status, job.attempt, len(job.outputs)) == ("succeeded", 2, 2), cluster.log_text
    assert job.worker != killed
    assert versions == sorted(versions)
    assert (names.count("done"), names[-1]) == (1, "done")


def check_webhooks(cluster: Cluster, receiver: WebhookReceiver, handles: list[JobHandle]) -> None:
    """Every event arrived exactly once, and an independent library verifies its signature."""
    expected = Counter[tuple[str, str]]()
    for handle in handles:
        job = handle.job
        expected[job.id, f"job.{job.status}"] += 1
        if job.status == "succeeded":
            expected[job.id, "job.started"] += 1
            expected[job.id, "job.output"] += len(job.outputs)

    def received_events() -> Counter[tuple[str, str]]:
        events = [json.loads(body) for _, body in list(receiver.received)]
        return Counter((event["data"]["id"], event["type"]) for event in events)

    begun = {(handle.id, "job.started") for handle in handles if handle.job.status == "canceled"}
    cluster.wait_for(lambda: {k: n for k, n in received_events().items() if k not in begun} == expected, "webhooks")
    assert set(Counter(receiver.ids()).values()) == {1}
    for headers, body in receiver.received:
        Webhook(SECRET).verify(body, headers)
