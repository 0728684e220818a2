"""The trace of a job, from its client through API and worker to its webhook, as a collector receives it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.webhooks.receivers import WebhookReceiver, webhook_receiver
from tests.polling import wait_until
from tests.system.otlp_receiver import OtlpReceiver
from tests.system.service import Service
from tests.valkey_server import free_port

pytestmark = pytest.mark.system

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
SPANS = {
    *("renderq.submit", "renderq.queued", "renderq.load", "renderq.encode", "renderq.denoise", "renderq.decode"),
    *("renderq.upload", "renderq.webhook"),
}
WEBHOOKS = {
    "RENDERQ_WEBHOOK_SECRETS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "RENDERQ_EGRESS_ALLOW": "127.0.0.0/8",
}


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


def body(receiver: WebhookReceiver) -> dict[str, object]:
    webhook = {"url": receiver.url, "events": ["job.succeeded"]}
    return {"prompt": "a red circle", "steps": 2, "webhook": webhook}


def test_a_collector_receives_every_span_of_a_job(tmp_path: Path, receiver: WebhookReceiver) -> None:
    with OtlpReceiver() as collector:
        env = {**WEBHOOKS, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with Service(tmp_path, env=env) as service:
            response = service.http.post("/v1/jobs", json=body(receiver), headers=HEADERS)
            service.wait_until_ended(response.json()["id"])
            names = {
                f"renderq.{name}" for name in ("submit", "queued", "load", "denoise", "decode", "upload", "webhook")
            }
            wait_until(lambda: names <= {span.name for span in collector.spans}, f"{names}")
    assert collector.services == {"renderq-api", "renderq-worker"}
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    by_name = {span.name: span for span in collector.spans}
    submit = by_name.pop("renderq.submit")
    assert submit.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in by_name.values()} == {submit.span_id}
    [(headers, _)] = receiver.received
    assert headers["traceparent"].split("-")[1:3] == [TRACE, by_name["renderq.webhook"].span_id.hex()]


def test_a_dead_collector_changes_nothing(tmp_path: Path, receiver: WebhookReceiver) -> None:
    env = {**WEBHOOKS, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    service = Service(tmp_path, env=env)
    service.start()
    try:
        response = service.http.post("/v1/jobs", json=body(receiver), headers=HEADERS)
        assert service.wait_until_ended(response.json()["id"])["status"] == "succeeded"
        wait_until(lambda: receiver.received, "the webhook")
    finally:
        code = service.stop()
    assert code == 0
    assert "Traceback" not in service.log_text


def test_without_a_collector_the_webhook_has_the_trace_of_the_client(tmp_path: Path, receiver: WebhookReceiver) -> None:
    with Service(tmp_path, env=WEBHOOKS) as service:
        for headers in (HEADERS, {"traceparent": "nonsense"}):
            assert service.http.post("/v1/jobs", json=body(receiver), headers=headers).status_code == 201
        wait_until(lambda: len(receiver.received) == 2, "two webhooks")
    traces = {headers.get("traceparent") for headers, _ in receiver.received}
    assert traces == {HEADERS["traceparent"], None}
