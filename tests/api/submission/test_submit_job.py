"""POST /v1/jobs: accepted bodies and their resolved requests."""

import json

import httpx2
import pytest
import redis

from renderq.contract import LIMITS, Job
from renderq_shared.redis.wakeup_queues import queue_name
from tests.api.conftest import SettingsFor
from tests.api.problems import problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


def submit(http: httpx2.Client, **fields: object) -> httpx2.Response:
    return http.post("/v1/jobs", json={"prompt": "a red circle", **fields})


def test_smallest_body_is_a_job_with_every_default_filled_in(http: httpx2.Client) -> None:
    response = submit(http)
    assert response.status_code == 201
    job = Job.model_validate(response.json())
    assert (job.status, job.version, job.attempt, job.outputs) == ("queued", 1, 0, ())
    assert response.headers["location"] == job.urls.self == str(http.base_url.join(f"/v1/jobs/{job.id}"))
    assert response.headers["etag"] == 'W/"1"'
    assert response.headers["content-type"] == "application/json"
    assert "preference-applied" not in response.headers
    seed = job.request["seed"]
    assert isinstance(seed, int)
    assert 0 <= seed <= LIMITS.seed - 1
    assert job.request == {
        "task": "txt2img",
        "model": "shapes",
        "prompt": "a red circle",
        "negative_prompt": "",
        "width": 64,
        "height": 64,
        "steps": 20,
        "guidance_scale": 2.0,
        "guidance_rescale": 0.0,
        "clip_skip": 0,
        "scheduler": None,
        "schedule": None,
        "loras": [],
        "seed": seed,
        "n": 1,
        "output": {"format": "png", "quality": 90, "embed_recipe": True, "grid": False, "resize": 1, "watermark": None},
        "priority": 0,
        "deadline_seconds": None,
        "metadata": {},
        "webhook": None,
    }


def test_location_leads_to_the_job(http: httpx2.Client) -> None:
    response = submit(http)
    assert http.get(response.headers["location"]).json()["id"] == response.json()["id"]


def test_fullest_body_is_kept_as_it_is(http: httpx2.Client) -> None:
    body = {
        "task": "txt2img",
        "model": "shapes",
        "prompt": "ein Kreis \U0001f534 \u0000 \u2028",
        "negative_prompt": "square",
        "width": 128,
        "height": 64,
        "steps": 150,
        "guidance_scale": 0,
        "guidance_rescale": 0.5,
        "clip_skip": 3,
        "scheduler": "euler_a",
        "schedule": "trailing",
        "loras": [],
        "seed": LIMITS.seed - 16,
        "n": 16,
        "output": {"format": "jpeg", "quality": 1, "embed_recipe": False, "grid": True, "resize": 1, "watermark": None},
        "priority": -10,
        "deadline_seconds": 1,
        "metadata": {"order": "A-17", "": "é"},
    }
    job = http.post("/v1/jobs", json=body).json()
    assert job["request"] == {**body, "webhook": None}
    assert job["metadata"] == body["metadata"]
    assert job["progress"]["images_total"] == 16


def test_what_was_rendered_is_accepted_again(http: httpx2.Client) -> None:
    first = submit(http, n=3).json()
    second = http.post("/v1/jobs", json=first["request"]).json()
    assert second["request"] == first["request"]
    assert second["id"] != first["id"]


def test_null_means_the_default(http: httpx2.Client) -> None:
    request = submit(http, model=None, width=None, steps=None, scheduler=None, deadline_seconds=None).json()["request"]
    assert (request["model"], request["width"], request["steps"]) == ("shapes", 64, 20)


def test_seeds_differ_when_they_are_drawn(http: httpx2.Client) -> None:
    assert len({submit(http).json()["request"]["seed"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_in_utf8_is_taken(http: httpx2.Client, content_type: str) -> None:
    body = json.dumps({"prompt": "é"}, ensure_ascii=False).encode()
    assert http.post("/v1/jobs", content=body, headers={"Content-Type": content_type}).status_code == 201


def test_body_in_many_chunks_is_taken(http: httpx2.Client) -> None:
    chunks = (bytes([byte]) for byte in b'{"prompt": "slowly"}')
    response = http.post("/v1/jobs", content=chunks, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["request"]["prompt"]) == (201, "slowly")


def test_addresses_carry_the_name_by_which_the_client_came(http: httpx2.Client) -> None:
    port = http.base_url.port
    job = http.post("/v1/jobs", json={"prompt": "x"}, headers={"Host": f"localhost:{port}"}).json()
    assert job["urls"]["self"] == f"http://localhost:{port}/v1/jobs/{job['id']}"
    assert job["urls"]["cancel"] == f"http://localhost:{port}/v1/jobs/{job['id']}/cancel"


def test_place_and_reason_to_wait(http: httpx2.Client, worker: Worker) -> None:
    first, second = submit(http).json(), submit(http).json()
    assert [(job["queue_position"], job["wait_reason"]) for job in (first, second)] == [
        (0, "queued"),
        (1, "queued"),
    ]


def test_without_a_worker_the_job_says_so(http: httpx2.Client) -> None:
    assert submit(http).json()["wait_reason"] == "no_worker_for_model"


def test_a_job_wakes_a_worker_up_to_the_bound(api: RunningApi, http: httpx2.Client, redis_url: str) -> None:
    for _ in range(api.settings.max_pending_wakeups + 5):
        assert submit(http).status_code == 201
    with redis.Redis.from_url(redis_url) as client:
        wait_until(lambda: client.llen(queue_name("shapes")) >= 1)
        assert client.llen(queue_name("shapes")) <= api.settings.max_pending_wakeups + 5


def test_full_queue_and_full_quota_are_answers(settings_for: SettingsFor) -> None:
    with RunningApi(settings_for(max_queued_jobs=2, max_queued_jobs_per_tenant=1)) as api, api.client() as http:
        assert submit(http).status_code == 201
        problem(submit(http), "quota_exceeded")
    with RunningApi(settings_for(max_queued_jobs=1, max_queued_jobs_per_tenant=5)) as api, api.client() as http:
        problem(submit(http), "queue_full")
