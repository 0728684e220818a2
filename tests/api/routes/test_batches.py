"""`/v1/batches`: many jobs in one request, accepted whole or not at all."""

import io
import json
import threading
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from itertools import islice
from typing import Any

import httpx2
import pytest
from PIL import Image

from renderq import AsyncClient, Client, InvalidArgument, InvalidRequest, NotFound
from renderq.contract import LIMITS
from renderq.testing import FakeService, JobScript
from renderq_api.submission import batch_submission
from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from tests.api.conftest import SettingsFor
from tests.api.problems import pointers, problem
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until

CIRCLE: dict[str, Any] = {"prompt": "a red circle"}
NO_BATCH = "batch_" + "0" * 26


def axis(field: str, *values: object) -> dict[str, object]:
    return {"field": field, "values": list(values)}


def submit(http: httpx2.Client, *requests: dict[str, Any], key: str | None = None) -> httpx2.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return http.post("/v1/batches", json={"requests": list(requests)}, headers=headers)


def sweep(http: httpx2.Client, request: dict[str, Any], *axes: dict[str, object]) -> httpx2.Response:
    return http.post("/v1/batches", json={"request": request, "axes": list(axes)})


def jobs_of(http: httpx2.Client, batch: dict[str, Any], **filters: object) -> list[dict[str, Any]]:
    return http.get("/v1/jobs", params={"batch": batch["id"], "limit": 100, **filters}).json()["data"]


def counts(batch: dict[str, Any]) -> dict[str, int]:
    return {name: count for name, count in batch["counts"].items() if count}


def test_a_batch_is_its_jobs_in_the_order_of_the_request(http: httpx2.Client, worker: Worker) -> None:
    response = submit(http, CIRCLE, {**CIRCLE, "n": 2}, {"prompt": "a blue square", "steps": 5})
    batch = response.json()
    assert (response.status_code, response.headers["location"]) == (201, batch["urls"]["self"])
    assert (batch["jobs"], batch["status"], counts(batch)) == (3, "queued", {"queued": 3})
    jobs = jobs_of(http, batch)
    assert [job["batch"] for job in jobs] == [{"id": batch["id"], "index": index, "values": {}} for index in range(3)]
    assert [job["request"]["n"] for job in jobs] == [1, 2, 1]
    assert http.get(batch["urls"]["jobs"]).json()["data"] == jobs
    first = worker.claim()
    assert first.id == jobs[0]["id"]
    assert http.get(batch["urls"]["self"]).json()["status"] == "running"
    worker.finish(first)
    worker.fail(worker.claim())
    worker.finish(worker.claim())
    ended = http.get(batch["urls"]["self"]).json()
    assert (ended["status"], counts(ended), ended["eta_seconds"]) == ("ended", {"succeeded": 2, "failed": 1}, None)
    http.delete(f"/v1/jobs/{first.id}")
    assert counts(http.get(batch["urls"]["self"]).json()) == {"succeeded": 1, "failed": 1, "deleted": 1}


def test_the_estimate_is_that_of_the_last_job(http: httpx2.Client, worker: Worker, api: RunningApi) -> None:
    http.post("/v1/jobs", json=CIRCLE)
    worker.finish(worker.claim())
    wait_until(lambda: http.get("/v1/jobs/" + http.post("/v1/jobs", json=CIRCLE).json()["id"]).json()["eta_seconds"])
    batch = submit(http, CIRCLE, CIRCLE, CIRCLE).json()
    last = http.get(f"/v1/jobs/{jobs_of(http, batch)[-1]['id']}").json()
    assert http.get(batch["urls"]["self"]).json()["eta_seconds"] == last["eta_seconds"]


def test_a_sweep_has_a_job_for_each_combination(http: httpx2.Client) -> None:
    request = {"prompt": "a red circle, not a reddish one", "output": {"quality": 50}}
    axes = (
        axis("output.format", "png", "webp"),
        axis("prompt:red", "green", "red circle"),
        axis("prompt:circle", "cube"),
    )
    batch = sweep(http, request, *axes).json()
    jobs = jobs_of(http, batch)
    assert [list(job["batch"]["values"].values()) for job in jobs] == [
        ["png", "green", "cube"],
        ["png", "red circle", "cube"],
        ["webp", "green", "cube"],
        ["webp", "red circle", "cube"],
    ]
    prompts = ["a green cube, not a reddish one", "a red circle cube, not a reddish one"]
    assert [job["request"]["prompt"] for job in jobs] == prompts * 2, "whole words, replaced at once"
    assert [job["request"]["output"]["format"] for job in jobs] == ["png", "png", "webp", "webp"]
    assert {job["request"]["output"]["quality"] for job in jobs} == {50}
    assert len({job["request"]["seed"] for job in jobs}) == 1, "cells differ by what is on the axes alone"
    seeds = jobs_of(http, sweep(http, CIRCLE, axis("seed", 1, 2)).json())
    assert [job["request"]["seed"] for job in seeds] == [1, 2]


def test_an_image_on_an_axis_is_named_by_its_asset(http: httpx2.Client) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    image = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    batch = sweep(http, {**CIRCLE, "task": "img2img"}, axis("image", image), axis("seed", 1, 2)).json()
    asset = f"asset_{sha256(file.getvalue()).hexdigest()}"
    values = [job["batch"]["values"] for job in jobs_of(http, batch)]
    assert values == [{"image": asset, "seed": 1}, {"image": asset, "seed": 2}]


def test_one_image_too_many_is_pointed_at(http: httpx2.Client) -> None:
    images = [f"https://images.example/{index}.png" for index in range(LIMITS.batch_images + 1)]
    request = {**CIRCLE, "task": "img2img"}
    listed = submit(http, *({**request, "image": image} for image in [images[0], *images]))
    assert pointers(problem(listed, "invalid_request")) == {f"/requests/{len(images)}/image": "too_many"}
    swept = sweep(http, request, axis("seed", 1, 2), axis("image", *images))
    refused = problem(swept, "invalid_request")
    assert pointers(refused) == {f"/axes/1/values/{LIMITS.batch_images}": "too_many"}
    assert "33 images" in refused["detail"]


REFUSED: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "no requests": ({"requests": []}, "invalid_request", {"/requests": "too_few"}),
    "too many requests": ({"requests": [CIRCLE] * 1_001}, "invalid_request", {"/requests": "too_many"}),
    "neither": ({}, "invalid_request", {"": "invalid"}),
    "both": ({"requests": [CIRCLE], "request": CIRCLE, "axes": [axis("n", 1)]}, "invalid_request", {"": "invalid"}),
    "no axes": ({"request": CIRCLE}, "invalid_request", {"": "invalid"}),
    "no object": ({"requests": [CIRCLE, 5]}, "invalid_request", {"/requests/1": "wrong_type"}),
    "a field of one request": (
        {"requests": [CIRCLE, {**CIRCLE, "steps": 0}, {**CIRCLE, "stepps": 5}, {}]},
        "invalid_request",
        {"/requests/1/steps": "too_small", "/requests/2/stepps": "unknown_field", "/requests/3/prompt": "required"},
    ),
    "a size, and a field of another request": (
        {"requests": [{**CIRCLE, "width": 8_000, "height": 8_000}, {**CIRCLE, "steps": 0}]},
        "too_many_pixels",
        {
            "/requests/0/width": "too_large",
            "/requests/0/height": "too_large",
            "/requests/1/steps": "too_small",
        },
    ),
    "an unknown model among others": (
        {"requests": [CIRCLE, {**CIRCLE, "model": "shapes"}, {**CIRCLE, "model": "shapez"}]},
        "model_not_found",
        {"/requests/2/model": "model_not_found"},
    ),
    "a size that the model does not have": (
        {"requests": [CIRCLE, {**CIRCLE, "width": 8_000, "height": 8_000}]},
        "too_many_pixels",
        {"/requests/1/width": "too_large", "/requests/1/height": "too_large"},
    ),
    "an unknown asset": (
        {"requests": [CIRCLE, {**CIRCLE, "task": "img2img", "image": "asset_" + "0" * 64}]},
        "asset_not_found",
        {"/requests/1/image": "asset_not_found"},
    ),
    "too many combinations": (
        {"request": CIRCLE, "axes": [axis("seed", *range(40)), axis("steps", *range(1, 27))]},
        "invalid_request",
        {"/axes": "too_many"},
    ),
    "too many axes": (
        {"request": CIRCLE, "axes": [axis(field, 1) for field in ("steps", "seed", "n", "priority")]},
        "invalid_request",
        {"/axes": "too_many"},
    ),
    "axes that are no list": (
        {"request": CIRCLE, "axes": {"steps": [1], "seed": [2], "n": [3], "priority": [4]}},
        "invalid_request",
        {"/axes": "wrong_type"},
    ),
    "no values": ({"request": CIRCLE, "axes": [axis("steps")]}, "invalid_request", {"/axes/0/values": "too_few"}),
    "an unknown field": (
        {"request": CIRCLE, "axes": [axis("seed", 1), axis("stepps", 5, 6)]},
        "invalid_request",
        {"/axes/1/field": "unknown_field"},
    ),
    "a field twice": (
        {"request": CIRCLE, "axes": [axis("output.format", "png"), axis("seed", 1), axis("output", {})]},
        "invalid_request",
        {"/axes/2/field": "duplicate_field"},
    ),
    "a word that is not in the prompt": (
        {"request": CIRCLE, "axes": [axis("prompt:green", "blue"), axis("prompt:circ", "squ")]},
        "invalid_request",
        {"/axes/0/field": "word_not_found", "/axes/1/field": "word_not_found"},
    ),
    "a word without a prompt": (
        {"request": {}, "axes": [axis("prompt:green", "blue")]},
        "invalid_request",
        {"/axes/0/field": "word_not_found"},
    ),
    "a prompt that grows too long": (
        {"request": {"prompt": "a " * 3_000}, "axes": [axis("prompt:a", "b" * 8_000), axis("seed", *range(1_000))]},
        "invalid_request",
        {"/request/prompt": "too_long"},
    ),
    "a thousand copies of something large": (
        {"request": {**CIRCLE, **{f"x{n}": 1 for n in range(900)}}, "axes": [axis("seed", *range(1_000))]},
        "invalid_request",
        {f"/request/x{n}": "unknown_field" for n in range(20)},
    ),
    "a word that is no string": (
        {"request": CIRCLE, "axes": [axis("prompt:red", "blue", 5)]},
        "invalid_request",
        {"/axes/0/values/1": "wrong_type"},
    ),
    "values of a wrong type": (
        {"request": CIRCLE, "axes": [axis("steps", 5, "six"), axis("output.format", "png", "gif")]},
        "invalid_request",
        {"/axes/0/values/1": "wrong_type", "/axes/1/values/1": "not_a_choice"},
    ),
    "a field of the common request": (
        {"request": {**CIRCLE, "n": 0}, "axes": [axis("output.format", "png", "webp")]},
        "invalid_request",
        {"/request/n": "too_small"},
    ),
    "fields of what is no object": (
        {"request": {**CIRCLE, "steps": 5, "output": 5}, "axes": [axis("steps.x", 1, 2), axis("output.format", "png")]},
        "invalid_request",
        {"/axes/0/field": "unknown_field", "/axes/1/field": "unknown_field"},
    ),
    "a field that is nested too deep": (
        {"request": CIRCLE, "axes": [axis("a" + ".a" * 5_000, 1)]},
        "invalid_request",
        {"/axes/0/field": "unknown_field"},
    ),
}


@pytest.mark.parametrize(("body", "code", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_points_to_its_cause_and_queues_nothing(
    http: httpx2.Client, body: dict[str, Any], code: str, expected: dict[str, str]
) -> None:
    assert pointers(problem(http.post("/v1/batches", json=body), code)) == expected
    assert http.get("/v1/stats").json()["queued_jobs"] == 0


def test_limits_of_bodies_are_larger_than_elsewhere(http: httpx2.Client) -> None:
    words = {"prompt": "word " * 1_500}
    large = json.dumps({"requests": [words] * 150})
    assert len(large) > LIMITS.body_bytes
    headers = {"Content-Type": "application/json"}
    batch = http.post("/v1/batches", content=large, headers=headers).json()
    assert counts(batch) == {"queued": 150}
    assert http.post(batch["urls"]["cancel"]).json()["counts"]["canceled"] == 150
    too_large = problem(
        http.post("/v1/batches", content=b" " * (LIMITS.batch_bytes + 1), headers=headers), "payload_too_large"
    )
    assert "8,388,608" in too_large["detail"]
    expanded = sweep(http, {"prompt": "ö" * 8_000}, axis("seed", *range(1_000)))
    assert "together" in problem(expanded, "payload_too_large")["detail"]


def test_other_callers_are_answered_while_a_batch_is_prepared(
    http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, set[str]] = {}

    def recorded(name: str) -> Callable[..., object]:
        step = getattr(batch_submission, name)

        def record(*args: Any, **options: Any) -> object:
            threads.setdefault(name, set()).add(threading.current_thread().name)
            return step(*args, **options)

        return record

    steps = ("check_request", "resolve", "new_job")
    for name in steps:
        monkeypatch.setattr(batch_submission, name, recorded(name))
    assert submit(http, CIRCLE, CIRCLE).status_code == 201
    assert set(threads) == set(steps)
    assert "api" not in set.union(*threads.values()), "the thread of the event loop"


def test_a_key_makes_one_batch(http: httpx2.Client) -> None:
    batch = submit(http, CIRCLE, CIRCLE, key="k").json()
    again = submit(http, CIRCLE, CIRCLE, key="k")
    assert (again.status_code, again.json()["id"], again.headers["idempotency-replayed"]) == (201, batch["id"], "true")
    problem(submit(http, CIRCLE, key="k"), "idempotency_key_reuse")
    problem(http.post("/v1/jobs", json=CIRCLE, headers={"Idempotency-Key": "k"}), "idempotency_key_reuse")
    assert http.get("/v1/stats").json()["queued_jobs"] == 2
    http.post(batch["urls"]["cancel"])
    for job in jobs_of(http, batch):
        http.delete(f"/v1/jobs/{job['id']}")
    assert "with another key" in problem(submit(http, CIRCLE, CIRCLE, key="k"), "not_found")["detail"]


def test_what_has_not_succeeded_is_retried_as_a_new_batch(http: httpx2.Client, worker: Worker) -> None:
    batch = sweep(http, CIRCLE, axis("steps", 5, 6, 7)).json()
    problem(http.post(batch["urls"]["retry"]), "nothing_to_retry")
    worker.finish(worker.claim())
    worker.fail(worker.claim())
    canceled = http.post(batch["urls"]["cancel"]).json()
    assert (canceled["status"], counts(canceled)) == ("ended", {"succeeded": 1, "failed": 1, "canceled": 1})
    assert http.post(batch["urls"]["cancel"]).json() == canceled
    headers = {"Idempotency-Key": "retry"}
    retried = http.post(batch["urls"]["retry"], headers=headers).json()
    before, after = jobs_of(http, batch)[1:], jobs_of(http, retried)
    assert [job["retried_from"] for job in after] == [job["id"] for job in before]
    assert [job["request"] for job in after] == [job["request"] for job in before]
    assert [job["batch"]["values"] for job in after] == [{"steps": 6}, {"steps": 7}]
    for job in before:
        http.delete(f"/v1/jobs/{job['id']}")
        again = http.post(batch["urls"]["retry"], headers=headers)
        assert (again.json(), again.headers["idempotency-replayed"]) == (retried, "true")
    problem(http.post(batch["urls"]["retry"]), "nothing_to_retry")
    listed = http.get("/v1/batches", params={"limit": 1}).json()
    assert [each["id"] for each in listed["data"]] == [retried["id"]]
    rest = http.get("/v1/batches", params={"cursor": listed["next_cursor"]}).json()
    assert rest["data"][0]["id"] == batch["id"]
    assert rest["next_cursor"] is None
    for query in ({"cursor": "x"}, {"limit": "21"}, {"order": "up"}):
        problem(http.get("/v1/batches", params=query), "invalid_request")
    for path in (f"/v1/batches/{NO_BATCH}", "/v1/batches/x"):
        problem(http.get(path), "not_found")
        problem(http.post(f"{path}/cancel"), "not_found")
        problem(http.post(f"{path}/retry"), "not_found")


def test_a_limit_that_the_batch_exceeds_queues_nothing_and_the_history_has_ended_jobs(
    settings_for: SettingsFor, store: RedisJobStore
) -> None:
    settings = settings_for(max_queued_jobs_per_tenant=3, sweep_seconds=0.1, recent_seconds=0)
    with RunningApi(settings) as api, api.client() as http:
        impossible = problem(submit(http, *[CIRCLE] * 4), "invalid_request")
        assert "only 3 may be queued" in impossible["detail"]
        assert pointers(impossible) == {"/requests": "too_many"}
        impossible = problem(sweep(http, CIRCLE, axis("seed", *range(4))), "invalid_request")
        assert pointers(impossible) == {"/axes": "too_many"}
        batch = submit(http, CIRCLE, CIRCLE).json()
        problem(submit(http, CIRCLE, CIRCLE), "quota_exceeded")
        assert http.get("/v1/stats").json()["queued_jobs"] == 2
        first, second = (job["id"] for job in jobs_of(http, batch))
        http.post(f"/v1/jobs/{first}/cancel")
        wait_until(lambda: store.call(commands.get_job("default", first)) is None)
        mixed = http.get(batch["urls"]["self"]).json()
        assert (mixed["status"], counts(mixed)) == ("queued", {"queued": 1, "canceled": 1})
        http.post(batch["urls"]["cancel"])
        wait_until(lambda: store.call(commands.get_batch("default", batch["id"])) is None)
        archived = http.get(batch["urls"]["self"]).json()
        assert (archived["status"], counts(archived), archived["created_at"]) == (
            "ended",
            {"canceled": 2},
            batch["created_at"],
        )
        assert [job["id"] for job in jobs_of(http, batch)] == [first, second]
        assert http.get("/v1/batches", params={"limit": 1}).json()["data"] == [archived]
        retried = http.post(batch["urls"]["retry"]).json()
        assert [job["retried_from"] for job in jobs_of(http, retried)] == [first, second]
        http.delete(f"/v1/jobs/{first}")
        assert counts(http.get(batch["urls"]["self"]).json()) == {"canceled": 1, "deleted": 1}
        http.delete(f"/v1/jobs/{second}")
        problem(http.get(batch["urls"]["self"]), "not_found")


async def test_clients_submit_and_follow_batches(api: RunningApi, worker: Worker) -> None:
    with Client(api.url) as client:
        batch = client.batches.create([CIRCLE, {"prompt": "a blue square", "n": 2}], idempotency_key="k")
        assert client.batches.create([CIRCLE, {"prompt": "a blue square", "n": 2}], idempotency_key="k").id == batch.id
        assert [job.request["n"] for job in client.jobs.list(batch=batch.id)] == [1, 2]
        seen: list[str] = []
        last = client.batches.wait(batch.id, timeout=0, on_progress=lambda each: seen.append(each.status))
        assert (last.id, last.status) == (batch.id, "queued")
        worker.fail(worker.claim())
        assert client.batches.cancel(batch.id).counts.canceled == 1
        assert client.batches.wait(batch.id).status == "ended"
        assert client.batches.retry(batch.id).counts.queued == 2
        assert [each.jobs for each in islice(client.batches.list(page_size=1), 2)] == [2, 2]
        assert seen == ["queued"]
        with pytest.raises(InvalidRequest, match="/requests/1/steps") as refused:
            client.batches.create([CIRCLE, {**CIRCLE, "steps": 0}])
        assert [error.pointer for error in refused.value.errors] == ["/requests/1/steps"]
        with pytest.raises(InvalidArgument, match="image is not uploaded"):
            client.batches.create([{**CIRCLE, "image": "photo.jpg"}])
        for requests, expected in (
            (["a red circle"], r'requests\.0 takes a dictionary of fields, such as {"prompt": …}, not str'),
            ("a red circle", "requests takes a list of requests, not str"),
            (CIRCLE, "requests takes a list of requests, not dict"),
            (5, "requests takes a list of requests, not int"),
        ):
            with pytest.raises(InvalidArgument, match=expected):
                client.batches.create(requests)
        with pytest.raises(InvalidArgument, match="request takes a dictionary"):
            client.batches.create(request="a red circle", axes={"seed": [1]})
        with pytest.raises(InvalidArgument, match="axes takes a dictionary"):
            client.batches.create(request=CIRCLE, axes=["seed"])
        with pytest.raises(InvalidArgument, match="prompt:red takes a list of values, not str"):
            client.batches.create(request=CIRCLE, axes={"prompt:red": "blue"})
    async with AsyncClient(api.url) as client:
        batch = await client.batches.create(request=CIRCLE, axes={"steps": range(2, 4), "prompt:red": ("blue",)})
        values = [job.batch.values async for job in client.jobs.list(batch=batch.id) if job.batch]
        assert values == [{"steps": 2, "prompt:red": "blue"}, {"steps": 3, "prompt:red": "blue"}]
        assert (await client.batches.cancel(batch.id)).counts.canceled == 2
        retried = await client.batches.retry(batch.id)
        assert (await client.batches.get(retried.id)).counts.queued == 2
        assert (await client.batches.wait(retried.id, timeout=0)).status == "queued"
        assert [each.id async for each in client.batches.list()][:2] == [retried.id, batch.id]


def test_the_fake_service_has_batches() -> None:
    with FakeService() as service, Client(service.url) as client:
        service.script(JobScript(error="nan_output"), JobScript(), JobScript(seconds=60))
        batch = client.batches.create(request=CIRCLE, axes={"steps": [5, 6, 7]}, idempotency_key="k")
        assert client.batches.create(request=CIRCLE, axes={"steps": [5, 6, 7]}, idempotency_key="k").id == batch.id
        assert (batch.jobs, client.batches.get(batch.id).status) == (3, "running")
        assert [job.request["steps"] for job in client.jobs.list(batch=batch.id)] == [5, 6, 7]
        client.batches.cancel(batch.id)
        ended = client.batches.wait(batch.id)
        assert (ended.counts.succeeded, ended.counts.failed, ended.counts.canceled) == (1, 1, 1)
        retried = client.batches.retry(batch.id)
        assert [job.batch and job.batch.values for job in client.jobs.list(batch=retried.id)] == [
            {"steps": 5},
            {"steps": 7},
        ]
        assert [each.id for each in client.batches.list(page_size=1)] == [retried.id, batch.id]
        client.batches.wait(retried.id)
        for refused in (
            lambda: client.batches.retry(retried.id),
            lambda: client.batches.create([]),
            lambda: client.batches.create([CIRCLE, {"prompt": 5}]),
            lambda: client.batches.create(request=CIRCLE, axes={"prompt:green": ["blue"]}),
        ):
            with pytest.raises(InvalidRequest):
                refused()
        with pytest.raises(NotFound):
            client.batches.get("batch_x")
