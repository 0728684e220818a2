"""Webhook deliveries from the receiver's view."""

import json
from collections import Counter

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from renderq import webhooks
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.running_api import RunningApi
from tests.api.webhooks.receivers import WebhookReceiver, webhook_receiver
from tests.api.webhooks.webhook_jobs import SECRETS, cancel_job, deliveries, delivery, render_job, submit_job
from tests.api.worker import Worker
from tests.polling import wait_until


def test_the_end_of_a_job_is_delivered_with_a_verifiable_signature(
    api: RunningApi, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    job_id = render_job(api, store, receiver.url)
    wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    headers, body = receiver.received[0]
    for secret in SECRETS:
        Webhook(secret).verify(body, headers)
        event = webhooks.verify(headers, body, secret)
    assert (event.type, event.data.id, event.data.status) == ("job.succeeded", job_id, "succeeded")
    (output,) = event.data.outputs
    assert (output.url, output.signed_url) == (f"https://images.example/v1/jobs/{job_id}/images/0", None)


def test_the_signature_covers_id_time_and_body(
    api: RunningApi, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    render_job(api, store, receiver.url)
    wait_until(lambda: receiver.received)
    headers, body = receiver.received[0]
    later = str(int(headers["webhook-timestamp"]) + 1)
    for changed, content in (
        (headers | {"webhook-id": headers["webhook-id"] + "x"}, body),
        (headers | {"webhook-timestamp": later}, body),
        (headers, body.replace(b"job.succeeded", b"job.canceled")),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRETS[0]).verify(content, changed)


def test_every_event_arrives_under_one_id_whatever_fails_and_the_log_knows_every_attempt(
    api: RunningApi, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    elsewhere = {"Location": receiver.url}
    receiver.responses = [(500, {}), (302, elsewhere), (204, {}), (503, {}), (429, {}), (200, {}), (404, {})]
    events = ("job.started", "job.output", "job.succeeded")
    job_id = render_job(api, store, receiver.url, *events, n=3)
    wait_until(lambda: all(each["status"] == "delivered" for each in deliveries(api, job_id)))
    log = deliveries(api, job_id)
    assert [each["type"] for each in log] == ["job.started", *["job.output"] * 3, "job.succeeded"]
    assert Counter(receiver.ids()) == {each["id"]: len(each["attempts"]) for each in log}
    types = {headers["webhook-id"]: json.loads(body)["type"] for headers, body in receiver.received}
    assert types == {each["id"]: each["type"] for each in log}
    logged = Counter((attempt["status"], attempt["error"]) for each in log for attempt in each["attempts"])
    assert logged == {
        (500, "not a 2xx response"): 1,
        (302, "redirects are not followed"): 1,
        (503, "not a 2xx response"): 1,
        (429, "not a 2xx response"): 1,
        (404, "not a 2xx response"): 1,
        (204, None): 4,
        (200, None): 1,
    }


def test_410_ends_all_deliveries_of_the_job_also_of_what_comes_later(
    api: RunningApi, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    receiver.responses = [(410, {})]
    job_id = submit_job(api, receiver.url, "job.started", "job.output", "job.succeeded")
    worker = Worker(store, FolderStore(api.settings.store_folder))
    record = worker.claim()
    wait_until(lambda: delivery(api, job_id)["status"] == "disabled")
    worker.finish(record)
    assert delivery(api, job_id)["type"] == "job.started"
    another = render_job(api, store, receiver.url)
    wait_until(lambda: delivery(api, another)["status"] == "delivered")
    assert len(receiver.received) == 2


def test_receivers_that_do_not_answer_delay_no_other(
    api: RunningApi, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    """Forty deliveries of one tenant, each to its own host, and twenty of another tenant to one host."""
    receiver.hold.clear()
    port = receiver.url.rsplit(":", 1)[1]
    for number in range(40):
        host = f"127.0.2.{number + 1}"
        cancel_job(store, f"job_silent{number}", f"http://{host}:{port}", host, "silent")
    for number in range(20):
        cancel_job(store, f"job_mine{number}", receiver.url, "127.0.0.1")
    wait_until(lambda: len(receiver.received) == 32 + 8)
    with webhook_receiver() as fast:
        cancel_job(store, "job_fast", fast.url.replace("127.0.0.1", "127.0.3.1"), "127.0.3.1")
        wait_until(lambda: fast.received)
    assert len(receiver.received) == 32 + 8
    receiver.hold.set()
    wait_until(lambda: len(receiver.received) == 60)
    assert len(set(receiver.ids())) == 60
