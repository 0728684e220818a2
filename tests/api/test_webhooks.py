"""Webhooks as a receiver sees them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from standardwebhooks import Webhook

from renderq import webhooks
from renderq_shared.jobs import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running import RunningApi, until
from tests.api.worker import Worker

SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 32)


class Receiver:
    """An HTTP server that answers each POST with the next of its answers, then with 204."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.seen: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.seen.append((dict(self.headers), body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hooks"

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.seen]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.thread.join()
    receiver.server.server_close()


def api_for(settings_for: SettingsFor, **options: object) -> RunningApi:
    plain = {"webhook_secrets": ",".join(SECRETS), "outgoing_allow": "127.0.0.0/8", "webhook_delays": "0.1,0.1"}
    return RunningApi(settings_for(**{**plain, **options}))


def rendered(api: RunningApi, store: RedisJobStore, url: str, *events: str) -> str:
    webhook = {"url": url, **({"events": list(events)} if events else {})}
    with api.client() as http:
        answer = http.post("/v1/jobs", json={"prompt": "x", "webhook": webhook})
        assert answer.status_code == 201, answer.text
    worker = Worker(store, FolderStore(api.settings.store_folder))
    worker.finish(worker.claim())
    return answer.json()["id"]


def deliveries(api: RunningApi, job_id: str) -> list[dict[str, object]]:
    with api.client() as http:
        return http.get(f"/v1/jobs/{job_id}/deliveries").json()["data"]


def test_the_end_of_a_job_is_told_and_everybody_can_verify_it(
    settings_for: SettingsFor, store: RedisJobStore, receiver: Receiver
) -> None:
    with api_for(settings_for, public_url="https://pictures.example") as api:
        job_id = rendered(api, store, receiver.url)
        until(lambda: receiver.seen)
        until(lambda: deliveries(api, job_id)[0]["status"] == "delivered")
    headers, body = receiver.seen[0]
    for secret in SECRETS:
        Webhook(secret).verify(body, headers)
        event = webhooks.verify(headers, body, secret)
    assert (event.type, event.data.id, event.data.status) == ("job.succeeded", job_id, "succeeded")
    (output,) = event.data.outputs
    assert (output.url, output.signed_url) == (f"https://pictures.example/v1/jobs/{job_id}/images/0", None)


def test_failed_attempts_are_repeated_under_the_same_id_and_logged(
    settings_for: SettingsFor, store: RedisJobStore, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}), (302, {"Location": receiver.url})]
    with api_for(settings_for) as api:
        job_id = rendered(api, store, receiver.url)
        until(lambda: deliveries(api, job_id)[0]["status"] == "delivered")
        (told,) = deliveries(api, job_id)
    assert len(receiver.seen) == 3
    assert set(receiver.ids()) == {told["id"]}
    assert [(each["status"], each["error"]) for each in told["attempts"]] == [
        (500, "not a 2xx answer"),
        (302, "redirects are not followed"),
        (204, None),
    ]


def test_410_disables_and_replay_sends_again(
    settings_for: SettingsFor, store: RedisJobStore, receiver: Receiver
) -> None:
    receiver.answers = [(410, {})]
    with api_for(settings_for) as api, api.client() as http:
        job_id = rendered(api, store, receiver.url)
        until(lambda: deliveries(api, job_id)[0]["status"] == "disabled")
        assert http.post(f"/v1/deliveries/{receiver.ids()[0]}/replay").json()["status"] == "pending"
        until(lambda: deliveries(api, job_id)[0]["status"] == "delivered")
        problem(http.post("/v1/deliveries/msg_x/replay"), "not_found")
    assert len(set(receiver.ids())) == 1


def test_private_addresses_are_refused_when_it_comes_to_sending(
    settings_for: SettingsFor, store: RedisJobStore, receiver: Receiver
) -> None:
    with api_for(settings_for, outgoing_allow="") as api:
        job_id = rendered(api, store, receiver.url)
        until(lambda: deliveries(api, job_id)[0]["status"] == "failed")
        assert all("refused" in json.dumps(each) for each in deliveries(api, job_id)[0]["attempts"])
    assert receiver.seen == []


def test_without_a_secret_a_webhook_is_refused(settings_for: SettingsFor, receiver: Receiver) -> None:
    with api_for(settings_for, webhook_secrets=None) as api, api.client() as http:
        answer = http.post("/v1/jobs", json={"prompt": "x", "webhook": {"url": receiver.url}})
        assert problem(answer, "invalid_request")["errors"][0]["pointer"] == "/webhook"
