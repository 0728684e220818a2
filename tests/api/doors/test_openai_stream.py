"""Streams of images, judged by OpenAI's own client."""

import json
import shutil
from typing import Any

import httpx2
import openai
import pytest

from renderq_api.doors.openai.stream import partials_due
from tests.api.assets.image_files import image_file
from tests.api.doors.conftest import IMAGE_BASE64, Call, claim
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until
from tests.valkey_server import Valkey


def watched(api: RunningApi, job_id: str) -> int:
    return api.server.config.app.state.services.job_watchers.watcher_count(job_id)


@pytest.mark.parametrize(
    ("step", "steps", "partials", "due"),
    [(0, 60, 2, 0), (19, 60, 2, 0), (20, 60, 2, 1), (40, 60, 2, 2), (60, 60, 2, 2), (50, 60, 0, 0), (1, 1, 3, 3)],
)
def test_partial_images_divide_the_steps_evenly(step: int, steps: int, partials: int, due: int) -> None:
    assert partials_due(step, steps, partials) == due


def test_previews_then_every_image(client: openai.OpenAI, worker: Worker) -> None:
    with client.images.generate(prompt="x", n=2, stream=True, partial_images=2) as stream:
        record = claim(worker)
        wait_until(lambda: worker.has_preview_viewers(record))
        events = iter(stream)
        worker.preview(record, 3)
        worker.preview(record, 7)
        first = next(events)
        worker.preview(record, 8)
        worker.preview(record, 19, index=1)
        worker.preview(record, 15)
        second = next(events)
        worker.finish(record)
        completed = list(events)
    partial = (openai.types.ImageGenPartialImageEvent, "image_generation.partial_image", "AAAA", "64x64", "jpeg")
    for index, event in enumerate((first, second)):
        assert event.partial_image_index == index
        assert (type(event), event.type, event.b64_json, event.size, event.output_format) == partial
    assert [(type(event), event.b64_json) for event in completed] == [
        (openai.types.ImageGenCompletedEvent, IMAGE_BASE64)
    ] * 2
    assert (completed[0].size, completed[0].output_format, completed[0].usage.total_tokens) == ("64x64", "png", 0)
    assert completed[0].created_at == record.created_ms // 1000


def test_nothing_makes_previews_that_nobody_asked_for(client: openai.OpenAI, api: RunningApi, worker: Worker) -> None:
    with client.images.generate(prompt="x", stream=True) as stream:
        record = claim(worker)
        wait_until(lambda: watched(api, record.id))
        assert not worker.has_preview_viewers(record)
        worker.finish(record)
        assert [event.type for event in stream] == ["image_generation.completed"]


def test_an_edit_streams_events_of_its_own(client: openai.OpenAI, worker: Worker, call: Call) -> None:
    picture = image_file("PNG", 64, 64)
    made = call(lambda: list(client.images.edit(image=picture, prompt="x", stream=True)))
    worker.finish(claim(worker))
    assert [(type(event), event.type) for event in made.result()] == [
        (openai.types.ImageEditCompletedEvent, "image_edit.completed")
    ]


def test_a_job_that_fails_ends_the_stream_with_its_reason(client: openai.OpenAI, worker: Worker, call: Call) -> None:
    made = call(lambda: list(client.images.generate(prompt="x", stream=True)))
    worker.fail(claim(worker))
    with pytest.raises(openai.APIError, match="The image contains NaN") as failed:
        made.result()
    assert failed.value.code == "nan_output"


def test_an_image_that_has_been_removed_ends_a_repeated_stream(
    client: openai.OpenAI, api: RunningApi, worker: Worker, call: Call
) -> None:
    def repeat() -> list[Any]:
        return list(client.images.generate(prompt="x", stream=True, extra_headers={"Idempotency-Key": "k"}))

    made = call(repeat)
    record = worker.finish(claim(worker))
    assert len(made.result()) == 1
    shutil.rmtree(api.settings.store_folder / "jobs" / record.id)
    with pytest.raises(openai.APIError, match="no longer in the object store") as failed:
        repeat()
    assert failed.value.code == "not_found"


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # by OpenAI
def test_a_refusal_is_no_stream(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="partial_images: Must be at most 3"):
        client.images.generate(prompt="x", stream=True, partial_images=9)
    with pytest.raises(openai.NotFoundError, match="There is no model"):
        client.images.generate(prompt="x", stream=True, model="nope")
    with pytest.raises(openai.BadRequestError, match="stream: Must be false"):
        client.images.with_raw_response.create_variation(image=image_file(), extra_body={"stream": True})


def test_the_stream_is_one_that_proxies_let_through(http: httpx2.Client, worker: Worker) -> None:
    with http.stream("POST", "/v1/images/generations", json={"prompt": "x", "stream": True}) as response:
        record = worker.finish(claim(worker))
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["x-renderq-job"] == record.id
        text = response.read().decode()
    [frame] = [frame for frame in text.split("\n\n") if frame.startswith("event:")]
    name, data = frame.split("\n")
    event: dict[str, Any] = json.loads(data.removeprefix("data: "))
    assert (name, event["type"]) == ("event: image_generation.completed", "image_generation.completed")
    assert "partial_image_index" not in event


@pytest.mark.parametrize("key", [None, "order-17"])
def test_a_client_that_stops_reading_cancels_the_job_unless_it_has_a_key(
    client: openai.OpenAI, api: RunningApi, http: httpx2.Client, worker: Worker, key: str | None
) -> None:
    headers = {"Idempotency-Key": key} if key else {}
    with client.images.generate(prompt="x", stream=True, extra_headers=headers):
        record = claim(worker)
        wait_until(lambda: watched(api, record.id))
    wait_until(lambda: not watched(api, record.id))
    status = "running" if key else "canceling"
    wait_until(lambda: http.get(f"/v1/jobs/{record.id}").json()["status"] == status)


def test_hanging_up_while_redis_is_away_is_no_failure(
    client: openai.OpenAI,
    api: RunningApi,
    http: httpx2.Client,
    worker: Worker,
    valkey: Valkey,
    capfd: pytest.CaptureFixture[str],
) -> None:
    logged: list[str] = []

    def has_ended() -> bool:
        logged.append(capfd.readouterr().out)
        return "path=/v1/images/generations" in "".join(logged)

    with client.images.generate(prompt="x", stream=True):
        record = claim(worker)
        wait_until(lambda: watched(api, record.id))
        valkey.kill()
    try:
        wait_until(has_ended)
    finally:
        valkey.restart()
        wait_until(lambda: http.get("/readyz").status_code == 200)
    assert "Traceback" not in "".join(logged)
