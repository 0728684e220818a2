"""`POST /v1/images/generations`, judged by OpenAI's own client."""

import json
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
import pytest

from renderq.contract import JobErrorCode, Status
from renderq_api.doors.job_end import job_end
from renderq_shared.jobs import JobRecord, commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.doors.conftest import IMAGE_BASE64, Call, claim
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import IMAGE_BYTES, Worker
from tests.job_store.factories import new_job
from tests.polling import wait_until

SENT_BY_SDKS: dict[str, Any] = {
    "model": "gpt-image-2",
    "prompt": "x",
    "size": "1024x1024",
    "quality": "high",
    "background": "auto",
    "moderation": "low",
    "output_format": "png",
    "user": "u",
}


def jobs(http: httpx2.Client) -> list[dict[str, Any]]:
    return http.get("/v1/jobs").json()["data"]


def watched(api: RunningApi, job_id: str) -> int:
    return api.server.config.app.state.services.job_watchers.watcher_count(job_id)


def test_a_request_of_the_client_is_rendered(
    client: openai.OpenAI, http: httpx2.Client, worker: Worker, call: Call
) -> None:
    made = call(client.images.with_raw_response.generate, **SENT_BY_SDKS, n=2, extra_body={"seed": 7})
    record = worker.finish(claim(worker))
    response = made.result()
    images = response.parse()
    assert [(image.b64_json, image.url) for image in images.data] == [(IMAGE_BASE64, None)] * 2
    assert (images.size, images.quality, images.background, images.output_format) == ("64x64", "high", "opaque", "png")
    assert (images.created, images.usage.total_tokens) == (record.created_ms // 1000, 0)
    assert response.headers["x-renderq-job"] == record.id
    assert "x-renderq-ignored" not in response.headers
    [job] = jobs(http)
    assert (job["id"], job["door"], job["metadata"]) == (record.id, "openai", {"user": "u"})
    assert {"n": 2, "seed": 7, "width": 64, "deadline_seconds": 280.0}.items() <= job["request"].items()


def test_a_native_job_has_no_door(http: httpx2.Client) -> None:
    assert http.post("/v1/jobs", json={"prompt": "x"}).json()["door"] is None


@pytest.mark.parametrize(
    ("sent", "has_file", "has_url"),
    [
        ({"model": "shapes"}, True, True),
        ({}, True, True),
        ({"model": "chatgpt-image-latest"}, True, False),
        ({"model": "shapes", "response_format": "b64_json"}, True, False),
        ({"model": "gpt-image-1", "response_format": "url"}, False, True),
    ],
)
def test_images_come_as_files_or_urls(
    client: openai.OpenAI, worker: Worker, call: Call, sent: dict[str, str], has_file: bool, has_url: bool
) -> None:
    made = call(client.images.generate, prompt="x", **sent)
    worker.finish(claim(worker))
    [image] = made.result().data
    assert image.b64_json == (IMAGE_BASE64 if has_file else None)
    assert (image.url is not None) is has_url
    if image.url:
        assert httpx2.get(image.url, trust_env=False).content == IMAGE_BYTES


@pytest.mark.parametrize(
    ("sent", "error", "code", "param"),
    [
        ({"model": "nope"}, openai.NotFoundError, "model_not_found", "model"),
        ({"n": 99}, openai.BadRequestError, "invalid_request", "n"),
        ({"n": True}, openai.BadRequestError, "invalid_request", "n"),
        ({"extra_body": {"guidance_scale": False}}, openai.BadRequestError, "invalid_request", "guidance_scale"),
        ({"background": "transparent"}, openai.BadRequestError, "invalid_request", "background"),
        ({"extra_body": {"clip_skip": 20}}, openai.BadRequestError, "invalid_request", "clip_skip"),
        ({"extra_body": {"deadline_seconds": 0}}, openai.BadRequestError, "invalid_request", "deadline_seconds"),
    ],
)
def test_a_refusal_says_why(
    client: openai.OpenAI, http: httpx2.Client, sent: dict[str, Any], error: type[Exception], code: str, param: str
) -> None:
    with pytest.raises(error) as refused:
        client.images.generate(**{"prompt": "x", **sent})
    told = refused.value
    assert isinstance(told, openai.APIStatusError)
    assert (told.code, told.param, told.type) == (code, param, "invalid_request_error")
    assert told.body["message"].endswith(".")
    assert told.body["message"] in str(told)
    assert told.response.headers["x-should-retry"] == "false"
    assert told.response.headers["x-request-id"]
    assert jobs(http) == []


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {"Content-Type": "application/json"}, 400, "invalid_request"),
        (b"[]", {"Content-Type": "application/json"}, 400, "invalid_request"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Type": "application/json", "Host": "evil.example"}, 403, "forbidden"),
        (b"x" * (2 << 20), {"Content-Type": "application/json"}, 413, "payload_too_large"),
        (b'{"prompt": "x"}', {"Content-Type": "application/json", "Idempotency-Key": "é"}, 400, "invalid_request"),
    ],
)
def test_every_error_has_the_form_of_the_door(
    http: httpx2.Client, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    sent = {name: value.encode() for name, value in headers.items()}
    response = http.post("/v1/images/generations", content=content, headers=sent)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json")
    error = response.json()["error"]
    assert (error["code"], error["param"], error["type"]) == (code, None, "invalid_request_error")


@pytest.mark.parametrize("n", [1, 99])
def test_what_a_client_adds_is_neither_stored_nor_told_nor_logged(
    http: httpx2.Client, worker: Worker, call: Call, capfd: pytest.CaptureFixture[str], n: int
) -> None:
    body = {"prompt": "x", "n": n, "password": "SECRET", "metadata": {"auth": "SECRET"}}
    made = call(http.post, "/v1/images/generations", json=body)
    record = worker.finish(claim(worker)) if n == 1 else None
    response = made.result()
    assert response.status_code == (200 if record else 400)
    assert "SECRET" not in "".join((response.text, str(response.headers), capfd.readouterr().out, str(record)))


def test_another_method_is_refused_in_the_form_of_the_door(http: httpx2.Client) -> None:
    response = http.get("/v1/images/generations")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")


def test_a_job_that_fails_is_an_error_with_its_reason(client: openai.OpenAI, worker: Worker, call: Call) -> None:
    made = call(client.images.generate, prompt="x")
    record = worker.fail(claim(worker))
    with pytest.raises(openai.InternalServerError, match="The image contains NaN") as failed:
        made.result()
    assert failed.value.code == "nan_output"
    assert failed.value.response.headers["x-should-retry"] == "false"
    assert failed.value.response.headers["x-renderq-job"] == record.id


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (Status.SUCCEEDED, None, None),
        (Status.CANCELED, None, (400, "canceled")),
        (Status.EXPIRED, None, (504, "expired")),
        (Status.QUEUED, None, (503, "service_unavailable")),
        (Status.FAILED, JobErrorCode.OUT_OF_MEMORY, (400, "out_of_memory")),
        (Status.FAILED, JobErrorCode.INPUT_UNREADABLE, (400, "input_unreadable")),
        (Status.FAILED, JobErrorCode.WORKER_LOST, (503, "worker_lost")),
        (Status.FAILED, JobErrorCode.STORAGE_FAILED, (503, "storage_failed")),
        (Status.FAILED, JobErrorCode.DEADLINE_EXCEEDED, (504, "deadline_exceeded")),
        (Status.FAILED, "a_code_of_a_later_version", (500, "a_code_of_a_later_version")),
    ],
)
def test_how_the_end_of_a_job_is_told(status: Status, error: str | None, told: tuple[int, str] | None) -> None:
    end = job_end(ended_job(status, error), 400)
    assert (end and (end.status, end.code)) == told


def test_a_job_whose_images_have_expired_says_so_to_a_repeat_of_its_request() -> None:
    end = job_end(replace(ended_job(Status.SUCCEEDED), outputs_expired=True), 400)
    assert end is not None
    assert (end.status, end.code) == (404, "not_found")
    assert "another key" in end.message


def ended_job(status: Status, error: str | None = None) -> JobRecord:
    return JobRecord(
        **{name: getattr(new_job("job_a"), name) for name in ("id", "tenant", "task", "model", "request_json")},
        images=1,
        priority=0,
        sequence=1,
        created_ms=1,
        attempt=1,
        lost_leases=0,
        max_attempts=3,
        quarantined=False,
        version=1,
        status=status,
        error_json=json.dumps({"code": error, "message": "Why.", "retryable": False}) if error else None,
    )


def test_nothing_is_rendered_for_a_client_that_waits_no_longer(settings_for: SettingsFor, store: RedisJobStore) -> None:
    with (
        RunningApi(settings_for(door_wait_seconds=1, sweep_seconds=0.1)) as api,
        openai.OpenAI(base_url=f"{api.url}/v1", api_key="any", max_retries=2) as client,
        pytest.raises(openai.InternalServerError, match="did not start in time") as late,
    ):
        client.images.generate(prompt="x")
    assert (late.value.status_code, late.value.code) == (504, "expired")
    assert len(store.call(commands.stats()).queues) <= 1


def raw_request(
    api: RunningApi, body: dict[str, Any], path: str = "/v1/images/generations", **headers: str
) -> socket.socket:
    address = urlsplit(api.url)
    assert address.hostname is not None
    connection = socket.create_connection((address.hostname, address.port or 80))
    content = json.dumps(body).encode()
    head = {"Host": address.netloc, "Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    connection.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + content)
    return connection


def test_a_client_that_hangs_up_leaves_no_job(api: RunningApi, http: httpx2.Client) -> None:
    connection = raw_request(api, {"prompt": "x"})
    [job] = wait_until(lambda: jobs(http))
    connection.close()
    wait_until(lambda: http.get(f"/v1/jobs/{job['id']}").json()["status"] == "canceled")


def test_a_client_that_closes_its_sending_side_has_hung_up(api: RunningApi, http: httpx2.Client) -> None:
    with raw_request(api, {"prompt": "x"}) as connection:
        wait_until(lambda: jobs(http))
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(12) == b"HTTP/1.1 499"
    assert [job["status"] for job in jobs(http)] == ["canceled"]


def test_a_client_that_hangs_up_stops_a_running_job(api: RunningApi, http: httpx2.Client, worker: Worker) -> None:
    connection = raw_request(api, {"prompt": "x"})
    record = claim(worker)
    connection.close()
    wait_until(lambda: http.get(f"/v1/jobs/{record.id}").json()["status"] == "canceling")


def test_a_client_that_times_out_and_repeats_leaves_no_job(client: openai.OpenAI, http: httpx2.Client) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.5, max_retries=1).images.generate(prompt="x")
    wait_until(lambda: {job["status"] for job in jobs(http)} <= {"canceled"})


def test_a_repeat_with_its_key_finds_the_job(
    api: RunningApi, client: openai.OpenAI, http: httpx2.Client, worker: Worker, call: Call
) -> None:
    body, key = {"prompt": "x", "seed": 7}, "order-17"
    connection = raw_request(api, body, **{"Idempotency-Key": key})
    record = claim(worker)
    connection.close()
    wait_until(lambda: not watched(api, record.id))
    repeat = call(
        client.post, "/images/generations", body=body, cast_to=object, options={"headers": {"Idempotency-Key": key}}
    )
    wait_until(lambda: watched(api, record.id))
    worker.finish(record)
    assert repeat.result()["data"][0]["b64_json"] == IMAGE_BASE64
    assert [job["id"] for job in jobs(http)] == [record.id]
    with pytest.raises(openai.BadRequestError, match="another body"):
        client.images.generate(prompt="y", extra_headers={"Idempotency-Key": key})


def test_a_full_queue_asks_to_come_back(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(max_queued_jobs=1, max_queued_jobs_per_tenant=1)) as api, api.client() as http:
        http.post("/v1/jobs", json={"prompt": "x"})
        response = http.post("/v1/images/generations", json={"prompt": "x"})
    assert (response.status_code, response.json()["error"]["code"]) == (429, "quota_exceeded")
    assert response.json()["error"]["type"] == "rate_limit_error"
    assert int(response.headers["retry-after"]) > 0
    assert "x-should-retry" not in response.headers


def test_a_closed_door_is_not_there(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(doors="none")) as api, api.client() as http:
        problem(http.post("/v1/images/generations", json={"prompt": "x"}), "not_found")
        assert "/v1/images/generations" not in http.get("/openapi.json").json()["paths"]


def test_models_are_listed_for_the_client(client: openai.OpenAI) -> None:
    [model] = client.models.list()
    assert (model.id, model.object, model.owned_by) == ("shapes", "model", "renderq")
    assert client.models.retrieve("shapes").id == "shapes"


def test_a_wrong_key_is_an_authentication_error(settings_for: SettingsFor) -> None:
    with (
        RunningApi(settings_for(keys="required")) as api,
        openai.OpenAI(base_url=f"{api.url}/v1", api_key="sk-secret", max_retries=2) as client,
        pytest.raises(openai.AuthenticationError, match="Send `Bearer`") as refused,
    ):
        client.images.generate(prompt="x")
    assert (refused.value.code, refused.value.type) == ("invalid_api_key", "authentication_error")
    assert refused.value.response.headers["www-authenticate"].startswith("Bearer")
    assert "sk-secret" not in str(refused.value.response.text)
