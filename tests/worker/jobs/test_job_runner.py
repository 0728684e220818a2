import hashlib
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from renderq.contract import Status
from renderq.image_files import watermark
from renderq_shared.jobs import commands
from renderq_worker.engine.errors import EngineClosed
from tests.polling import wait_until
from tests.worker.conftest import NewHarness
from tests.worker.worker_harness import ENTRY, MODEL, WorkerHarness, error, outputs, progress


def pixels(harness: WorkerHarness, file: dict[str, Any]) -> npt.NDArray[np.uint8]:
    data = b"".join(harness.objects.read(file["key"]))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_job_becomes_images_in_the_store(harness: WorkerHarness) -> None:
    harness.submit("job", n=3, steps=4)
    harness.wake()
    job = harness.wait_until_ended("job")
    assert job.status is Status.SUCCEEDED
    assert (job.attempt, job.lost_leases, job.worker, job.stage) == (1, 0, "w1", None)
    assert progress(job) == {"step": 12, "steps": 12, "images_done": 3, "images": []}
    assert [(output["index"], output["seed"]) for output in outputs(job)] == [(0, 5), (1, 6), (2, 7)]
    for output in outputs(job):
        data = b"".join(harness.objects.read(output["key"]))
        assert output["key"] == f"jobs/job/{job.claim_id}/{output['index']}.png"
        assert output["sha256"] == hashlib.sha256(data).hexdigest()
        assert (output["size_bytes"], output["content_type"]) == (len(data), "image/png")
        assert (output["width"], output["height"]) == (16, 8)


def test_the_record_has_runtime_and_metrics(harness: WorkerHarness) -> None:
    harness.submit("job", n=2)
    harness.wake()
    job = harness.wait_until_ended("job")
    assert json.loads(job.runtime_json or "") == {
        "model_revision": ENTRY.revision,
        "device": "simulated",
        "dtype": "uint8",
        "exactness": "stock",
    }
    metrics = json.loads(job.metrics_json or "")
    assert metrics["batch_width_mean"] == 2.0
    assert set(metrics) == {
        "load_ms",
        "inference_ms",
        "encode_ms",
        "upload_ms",
        "peak_memory_bytes",
        "batch_width_mean",
    }


def test_the_store_remembers_what_it_took(harness: WorkerHarness) -> None:
    harness.submit("job", n=2)
    harness.wake()
    metrics = json.loads(harness.wait_until_ended("job").metrics_json or "")
    [pace] = harness.store.call(commands.timings())
    [sample] = pace.samples
    assert (sample.timing.device, sample.timing.device_share_ms) == ("simulated", metrics["inference_ms"])
    assert sample.wall_ms >= 0


def test_an_image_shows_before_the_job_ends(new_harness: NewHarness) -> None:
    harness = new_harness(step_s=0.05)
    harness.submit("filler", n=15, steps=150)
    harness.submit("job", n=2, steps=30)  # sixteen images fill the device, the last one starts when the first is done
    harness.wake()
    job = harness.wait_until("job", lambda job: len(outputs(job)) == 1)
    assert job.status is Status.RUNNING
    assert progress(job)["images_done"] == 1
    done, other = progress(job)["images"]
    assert done == {"step": 30, "steps": 30, "status": "succeeded"}
    assert (other["steps"], other["status"]) in {(30, "queued"), (30, "running")}
    assert progress(job)["step"] == 30 + other["step"]
    assert harness.files("jobs/job") == [f"{job.claim_id}/0.png"]


def test_every_format_arrives_with_its_own_name(harness: WorkerHarness) -> None:
    for format in ("png", "jpeg", "webp"):
        harness.submit(format, output={"format": format})
    harness.wake()
    for format, extension in (("png", "png"), ("jpeg", "jpg"), ("webp", "webp")):
        [output] = outputs(harness.wait_until_ended(format))
        assert (output["content_type"], output["key"].rpartition(".")[2]) == (f"image/{format}", extension)


def test_one_failed_image_fails_the_job_and_keeps_the_others(harness: WorkerHarness) -> None:
    harness.engine.failing_seeds = frozenset({6, 8})
    harness.submit("job", n=4)
    harness.wake()
    job = harness.wait_until_ended("job")
    assert job.status is Status.FAILED
    assert error(job)["code"] == "nan_output"
    assert error(job)["details"] == {"images": [1, 3]}
    assert "2 of 4 images" in error(job)["message"]
    assert [output["index"] for output in outputs(job)] == [0, 2]
    assert harness.files() == [f"job/{job.claim_id}/0.png", f"job/{job.claim_id}/2.png"]


@pytest.mark.parametrize("images", [1, 2])
def test_a_job_whose_event_cannot_be_processed_is_dropped_and_lets_the_next_one_through(
    harness: WorkerHarness, images: int
) -> None:
    """Its lease is no longer renewed, so the sweep gives it to another worker."""
    harness.engine.failing_seeds, harness.engine.failure_message = frozenset({5}), None
    harness.submit("dropped", n=images)
    harness.wake()
    harness.join_wakeups()
    assert len(harness.worker.claimed_jobs) == 0
    wait_until(harness.engine.is_empty)
    assert harness.job("dropped").status is Status.RUNNING
    harness.submit("next", seed=6)
    harness.wake()
    assert harness.wait_until_ended("next").status is Status.SUCCEEDED


def test_a_job_that_cannot_be_started_is_dropped(harness: WorkerHarness) -> None:
    harness.submit("job")
    harness.engine.close()
    with pytest.raises(EngineClosed):
        harness.worker.handle_wakeup(MODEL)
    assert len(harness.worker.claimed_jobs) == 0
    assert harness.job("job").status is Status.RUNNING


def test_a_grid_shows_all_images_and_is_there_before_the_job_ends(harness: WorkerHarness) -> None:
    harness.submit("job", n=3, output={"grid": True})
    harness.wake()
    job = harness.wait_until_ended("job")
    grid = json.loads(job.grid_json or "")
    assert grid["key"] == f"jobs/job/{job.claim_id}/grid.png"
    assert (grid["width"], grid["height"], grid["columns"], grid["rows"]) == (32, 16, 2, 2)
    shown = pixels(harness, grid)
    for output, (top, left) in zip(outputs(job), [(0, 0), (0, 16), (8, 0)], strict=True):
        assert np.array_equal(shown[top : top + 8, left : left + 16], pixels(harness, output))
    assert not shown[8:, 16:].any()
    assert grid["pixel_sha256"] == hashlib.sha256(shown.tobytes()).hexdigest()


def test_resized_images_and_their_grid_have_the_enlarged_size(harness: WorkerHarness) -> None:
    harness.submit("rendered", n=2)
    harness.submit("resized", n=2, output={"resize": 4, "grid": True})
    harness.wake()
    rendered, resized = (harness.wait_until_ended(name) for name in ("rendered", "resized"))
    expected = [
        np.asarray(Image.fromarray(pixels(harness, output)).resize((64, 32), Image.Resampling.LANCZOS))
        for output in outputs(rendered)
    ]
    for output, enlarged in zip(outputs(resized), expected, strict=True):
        assert (output["width"], output["height"]) == (64, 32)
        assert np.array_equal(pixels(harness, output), enlarged)
    assert np.array_equal(pixels(harness, json.loads(resized.grid_json or "")), np.hstack(expected))


def test_a_job_with_a_failed_image_has_no_grid(harness: WorkerHarness) -> None:
    harness.engine.failing_seeds = frozenset({6})
    harness.submit("job", n=2, output={"grid": True})
    harness.wake()
    assert harness.wait_until_ended("job").grid_json is None
    assert [name.rpartition("/")[2] for name in harness.files("jobs/job")] == ["0.png"]


def test_a_job_whose_grid_is_not_stored_fails_with_its_images(harness: WorkerHarness) -> None:
    harness.objects.refused = "grid"
    harness.submit("job", n=2, output={"grid": True})
    harness.wake()
    job = harness.wait_until_ended("job")
    assert (job.status, error(job)["code"], error(job)["retryable"]) == (Status.FAILED, "storage_failed", True)
    assert "grid could not be uploaded" in error(job)["message"]
    assert (job.grid_json, len(outputs(job))) == (None, 2)


def test_images_and_grid_carry_the_watermark(harness: WorkerHarness) -> None:
    harness.submit("job", n=2, width=256, height=256, output={"grid": True, "watermark": "made by us"})
    harness.wake()
    job = harness.wait_until_ended("job")
    for file in (*outputs(job), json.loads(job.grid_json or "")):
        found = watermark.detect(watermark.votes(pixels(harness, file)))
        assert found is not None
        assert found.content == b"made by us"
    assert job.warnings_json is None


def test_a_large_image_has_a_thumbnail_beside_it(harness: WorkerHarness) -> None:
    harness.submit("job", n=2, width=640, height=320)
    harness.wake()
    job = harness.wait_until_ended("job")
    for output in outputs(job):
        small = output["thumbnail"]
        assert small["key"] == f"jobs/job/{job.claim_id}/{output['index']}.thumbnail.webp"
        data = b"".join(harness.objects.read(small["key"]))
        assert (small["width"], small["height"], small["size_bytes"]) == (320, 160, len(data))
        assert Image.open(io.BytesIO(data)).size == (320, 160)


def test_a_thumbnail_that_is_not_stored_costs_no_image(harness: WorkerHarness) -> None:
    harness.objects.refused = "thumbnail"
    harness.submit("job", width=640, height=320)
    harness.wake()
    job = harness.wait_until_ended("job")
    assert (job.status, [output["thumbnail"] for output in outputs(job)]) == (Status.SUCCEEDED, [None])


def test_a_watermark_that_does_not_last_is_a_warning(harness: WorkerHarness) -> None:
    output = {"format": "jpeg", "quality": 1, "watermark": "made by us"}
    harness.submit("job", width=256, height=256, output=output)
    harness.wake()
    [warning] = json.loads(harness.wait_until_ended("job").warnings_json or "[]")
    assert warning["code"] == "watermark_faint"


@pytest.mark.parametrize(
    ("output", "codes"), [({"quality": 80}, ["quality_unread"]), ({"quality": 80, "format": "webp"}, [])]
)
def test_a_quality_that_png_does_not_have_is_a_warning(
    output: dict[str, object], codes: list[str], harness: WorkerHarness
) -> None:
    harness.submit("job", n=2, output=output)
    harness.wake()
    warnings = json.loads(harness.wait_until_ended("job").warnings_json or "[]")
    assert [warning["code"] for warning in warnings] == codes


def test_a_store_that_is_away_for_a_moment_costs_nothing(harness: WorkerHarness) -> None:
    harness.objects.refusals = 2
    harness.submit("job")
    harness.wake()
    assert harness.wait_until_ended("job").status is Status.SUCCEEDED


def test_a_store_that_stays_away_fails_the_job(harness: WorkerHarness) -> None:
    harness.objects.refusals = 1_000
    harness.submit("job", n=2)
    harness.wake()
    job = harness.wait_until_ended("job")
    assert (job.status, error(job)["code"], error(job)["retryable"]) == (Status.FAILED, "storage_failed", True)
    assert error(job)["details"] == {"images": [0, 1]}
    assert outputs(job) == []


def test_a_failed_upload_does_not_hurt_the_next_job(harness: WorkerHarness) -> None:
    harness.objects.refusals = 3
    harness.submit("first")
    harness.wake()
    assert harness.wait_until_ended("first").status is Status.FAILED
    harness.submit("second")
    harness.wake()
    assert harness.wait_until_ended("second").status is Status.SUCCEEDED


def test_a_request_that_is_not_understood_fails_and_lets_the_next_one_through(harness: WorkerHarness) -> None:
    harness.submit("broken", text='{"prompt": "a", "from_the_future": 1}')
    harness.submit("whole")
    harness.wake()
    broken = harness.wait_until_ended("broken")
    assert (broken.status, error(broken)["code"]) == (Status.FAILED, "internal")
    assert "from_the_future" in error(broken)["message"]
    assert harness.wait_until_ended("whole").status is Status.SUCCEEDED


def test_log_records_of_a_job_carry_its_ids(harness: WorkerHarness) -> None:
    with capture_logs(processors=[merge_contextvars]) as records:
        harness.objects.refusals = 1
        harness.submit("job")
        harness.wake()
        job = harness.wait_until_ended("job")
        harness.join_wakeups()
    ids = {(each["event"], each["job_id"], each["claim_id"], each["worker"]) for each in records}
    assert ids == {(event, "job", job.claim_id, "w1") for event in ("job.started", "objects.call_failed", "job.ended")}


def test_the_same_request_gives_the_same_bytes(harness: WorkerHarness) -> None:
    harness.submit("first", n=2)
    harness.submit("second", n=2)
    harness.wake()
    first, second = (outputs(harness.wait_until_ended(id)) for id in ("first", "second"))
    assert [output["sha256"] for output in first] == [output["sha256"] for output in second]


@pytest.mark.parametrize("images", [1, 16])
def test_nothing_is_held_once_the_job_has_ended(harness: WorkerHarness, images: int) -> None:
    harness.submit("job", n=images)
    harness.wake()
    harness.wait_until_ended("job")
    harness.join_wakeups()
    assert len(harness.worker.claimed_jobs) == 0
    assert harness.engine.is_empty()
