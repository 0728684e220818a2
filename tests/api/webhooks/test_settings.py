"""Webhooks under specific settings."""

import json

import httpx2
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from renderq_shared.ids import new_job_id
from renderq_shared.jobs import commands, delivery_id
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.webhooks.receivers import WebhookReceiver
from tests.api.webhooks.webhook_jobs import SECRETS, cancel_job, deliveries, delivery, render_job, webhook_api
from tests.polling import wait_until


def test_a_secret_is_changed_without_a_gap(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    """The receiver uses the old secret, then the new one; the service the old one, both, the new one."""
    old, new = SECRETS
    with webhook_api(settings_for, webhook_secrets=old) as api:
        job_id = render_job(api, store, receiver.url)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
    for count, secrets in ((2, f"{old},{new}"), (3, new)):
        with webhook_api(settings_for, webhook_secrets=secrets) as api, api.client() as http:
            http.post(f"/v1/deliveries/{receiver.ids()[0]}/replay")
            wait_until(lambda: delivery(api, job_id)["status"] == "delivered" and len(receiver.received) == count)  # noqa: B023
    for secret, numbers in ((old, (0, 1)), (new, (1, 2))):
        for number, (headers, body) in enumerate(receiver.received):
            if number in numbers:
                Webhook(secret).verify(body, headers)
            else:
                with pytest.raises(WebhookVerificationError):
                    Webhook(secret).verify(body, headers)


def test_private_addresses_are_refused_when_it_comes_to_sending(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    with webhook_api(settings_for, egress_allow="") as api:
        job_id = render_job(api, store, receiver.url)
        wait_until(lambda: delivery(api, job_id)["status"] == "failed")
        assert all("denied" in json.dumps(each) for each in delivery(api, job_id)["attempts"])
    assert receiver.received == []


@pytest.mark.parametrize("public_url", [None, "https://images.example"])
def test_links_that_no_receiver_could_open_are_warned_of(settings_for: SettingsFor, public_url: str | None) -> None:
    beyond = {"host": "0.0.0.0", "keys": "required", "public_url": public_url}
    with capture_logs() as records, RunningApi(settings_for(webhook_secrets=SECRETS[0], **beyond)):
        pass
    warnings = [record for record in records if record["event"] == "webhooks.public_url_missing"]
    assert len(warnings) == (public_url is None)


def test_without_a_secret_a_webhook_is_refused(settings_for: SettingsFor, receiver: WebhookReceiver) -> None:
    with webhook_api(settings_for, webhook_secrets=None) as api, api.client() as http:
        response = http.post("/v1/jobs", json={"prompt": "x", "webhook": {"url": receiver.url}})
        assert problem(response, "invalid_request")["errors"][0]["pointer"] == "/webhook"


def without_request(response: httpx2.Response) -> dict[str, object]:
    return {
        name: value for name, value in problem(response, "not_found").items() if name not in {"request_id", "instance"}
    }


def test_foreign_deliveries_are_unknown(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    with webhook_api(settings_for, webhook_secrets=None) as api, api.client() as http:
        job_id = cancel_job(store, new_job_id(), receiver.url, "127.0.0.1", tenant="another-tenant")
        foreign = http.post(f"/v1/deliveries/{delivery_id(job_id, 'job.canceled')}/replay")
        assert without_request(foreign) == without_request(http.post("/v1/deliveries/msg_x/replay"))
        foreign = http.get(f"/v1/jobs/{job_id}/deliveries")
        assert without_request(foreign) == without_request(http.get(f"/v1/jobs/{new_job_id()}/deliveries"))
    (kept,) = store.call(commands.deliveries("another-tenant", job_id, 1))
    assert (kept.status, kept.attempt) == ("pending", 0)


def test_a_deleted_job_sends_no_more_webhooks(
    settings_for: SettingsFor, store: RedisJobStore, receiver: WebhookReceiver
) -> None:
    """Even if one of its deliveries is being sent and another one waits for its next attempt."""
    receiver.responses = [(500, {})]
    with webhook_api(settings_for, webhook_delays="3600") as api, api.client() as http:
        job_id = render_job(api, store, receiver.url, "job.started", "job.succeeded")
        wait_until(lambda: "delivered" in str(deliveries(api, job_id)) and len(receiver.received) == 2)
        receiver.hold.clear()
        (waiting,) = (each for each in deliveries(api, job_id) if each["status"] == "pending")
        (sent,) = (each for each in deliveries(api, job_id) if each["status"] == "delivered")
        assert http.post(f"/v1/deliveries/{sent['id']}/replay").json()["status"] == "pending"
        wait_until(lambda: len(receiver.received) == 3)
        assert http.delete(f"/v1/jobs/{job_id}").status_code == 204
        receiver.hold.set()
        another = render_job(api, store, receiver.url)
        wait_until(lambda: delivery(api, another)["status"] == "delivered")
        for each in (waiting, sent):
            problem(http.post(f"/v1/deliveries/{each['id']}/replay"), "not_found")
        problem(http.get(f"/v1/jobs/{job_id}/deliveries"), "not_found")
    assert len(receiver.received) == 4
