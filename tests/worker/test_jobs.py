import hashlib
import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from renderq.contract import Status
from renderq.picture_files import watermark
from tests.worker.conftest import NewHarness
from tests.worker.rig import ENTRY, WorkerHarness, error, outputs, progress


def pixels(rig: WorkerHarness, picture: dict[str, Any]) -> npt.NDArray[np.uint8]:
    data = b"".join(rig.objects.read(picture["key"]))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_a_job_becomes_images_in_the_store(rig: WorkerHarness) -> None:
    rig.submit("job", n=3, steps=4)
    rig.wake()
    job = rig.wait_until_ended("job")
    assert job.status is Status.SUCCEEDED
    assert (job.attempt, job.lost_leases, job.worker, job.stage) == (1, 0, "w1", None)
    assert progress(job) == {"step": 12, "steps": 12, "images_done": 3}
    assert [(output["index"], output["seed"]) for output in outputs(job)] == [(0, 5), (1, 6), (2, 7)]
    for output in outputs(job):
        data = b"".join(rig.objects.read(output["key"]))
        assert output["key"] == f"jobs/job/{job.claim_id}/{output['index']}.png"
        assert output["sha256"] == hashlib.sha256(data).hexdigest()
        assert (output["size_bytes"], output["content_type"]) == (len(data), "image/png")
        assert (output["width"], output["height"]) == (16, 8)


def test_the_record_tells_what_rendered_it_and_where_the_time_went(rig: WorkerHarness) -> None:
    rig.submit("job", n=2)
    rig.wake()
    job = rig.wait_until_ended("job")
    assert json.loads(job.runtime_json or "") == {
        "model_revision": ENTRY.revision,
        "device": "simulated",
        "dtype": "uint8",
        "batch_invariant": True,
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


def test_the_store_remembers_what_it_took(rig: WorkerHarness) -> None:
    rig.submit("job", n=2)
    rig.wake()
    metrics = json.loads(rig.wait_until_ended("job").metrics_json or "")
    [pace] = rig.store.timings()
    [sample] = pace.samples
    assert (sample.timing.device, sample.timing.device_share_ms) == ("simulated", metrics["inference_ms"])
    assert sample.wall_ms >= 0


def test_an_image_shows_before_the_job_ends(new_harness: NewHarness) -> None:
    rig = new_harness(step_s=0.05)
    rig.submit("filler", n=15, steps=150)
    rig.submit("job", n=2, steps=30)  # sixteen images fill the device, the last one starts when the first is done
    rig.wake()
    job = rig.wait_until("job", lambda job: len(outputs(job)) == 1)
    assert job.status is Status.RUNNING
    assert progress(job)["images_done"] == 1
    assert rig.files("jobs/job") == [f"{job.claim_id}/0.png"]


def test_every_format_arrives_with_its_own_name(rig: WorkerHarness) -> None:
    for format in ("png", "jpeg", "webp"):
        rig.submit(format, output={"format": format})
    rig.wake()
    for format, extension in (("png", "png"), ("jpeg", "jpg"), ("webp", "webp")):
        [output] = outputs(rig.wait_until_ended(format))
        assert (output["content_type"], output["key"].rpartition(".")[2]) == (f"image/{format}", extension)


def test_one_failed_image_fails_the_job_and_keeps_the_others(rig: WorkerHarness) -> None:
    rig.engine.failing_seeds = frozenset({6, 8})
    rig.submit("job", n=4)
    rig.wake()
    job = rig.wait_until_ended("job")
    assert job.status is Status.FAILED
    assert error(job)["code"] == "nan_output"
    assert error(job)["details"] == {"images": [1, 3]}
    assert "2 of 4 images" in error(job)["message"]
    assert [output["index"] for output in outputs(job)] == [0, 2]
    assert rig.files() == [f"job/{job.claim_id}/0.png", f"job/{job.claim_id}/2.png"]


def test_a_grid_shows_all_images_and_is_there_before_the_job_ends(rig: WorkerHarness) -> None:
    rig.submit("job", n=3, output={"grid": True})
    rig.wake()
    job = rig.wait_until_ended("job")
    grid = json.loads(job.grid_json or "")
    assert grid["key"] == f"jobs/job/{job.claim_id}/grid.png"
    assert (grid["width"], grid["height"], grid["columns"], grid["rows"]) == (32, 16, 2, 2)
    shown = pixels(rig, grid)
    for output, (top, left) in zip(outputs(job), [(0, 0), (0, 16), (8, 0)], strict=True):
        assert np.array_equal(shown[top : top + 8, left : left + 16], pixels(rig, output))
    assert not shown[8:, 16:].any()
    assert grid["pixel_sha256"] == hashlib.sha256(shown.tobytes()).hexdigest()


def test_a_job_with_a_failed_image_has_no_grid(rig: WorkerHarness) -> None:
    rig.engine.failing_seeds = frozenset({6})
    rig.submit("job", n=2, output={"grid": True})
    rig.wake()
    assert rig.wait_until_ended("job").grid_json is None
    assert [name.rpartition("/")[2] for name in rig.files("jobs/job")] == ["0.png"]


def test_a_job_whose_grid_is_not_stored_fails_with_its_images(rig: WorkerHarness) -> None:
    rig.objects.refused = "grid"
    rig.submit("job", n=2, output={"grid": True})
    rig.wake()
    job = rig.wait_until_ended("job")
    assert (job.status, error(job)["code"], error(job)["retryable"]) == (Status.FAILED, "storage_failed", True)
    assert "did not take the grid" in error(job)["message"]
    assert (job.grid_json, len(outputs(job))) == (None, 2)


def test_images_and_grid_carry_the_watermark(rig: WorkerHarness) -> None:
    rig.submit("job", n=2, width=256, height=256, output={"grid": True, "watermark": "made by us"})
    rig.wake()
    job = rig.wait_until_ended("job")
    for picture in (*outputs(job), json.loads(job.grid_json or "")):
        found = watermark.detect(watermark.votes(pixels(rig, picture)))
        assert found is not None
        assert found.content == b"made by us"
    assert job.warnings_json is None


def test_a_watermark_that_does_not_last_is_a_warning(rig: WorkerHarness) -> None:
    output = {"format": "jpeg", "quality": 1, "watermark": "made by us"}
    rig.submit("job", width=256, height=256, output=output)
    rig.wake()
    [warning] = json.loads(rig.wait_until_ended("job").warnings_json or "[]")
    assert warning["code"] == "watermark_faint"


def test_a_store_that_is_away_for_a_moment_costs_nothing(rig: WorkerHarness) -> None:
    rig.objects.refusals = 2
    rig.submit("job")
    rig.wake()
    assert rig.wait_until_ended("job").status is Status.SUCCEEDED


def test_a_store_that_stays_away_fails_the_job(rig: WorkerHarness) -> None:
    rig.objects.refusals = 1_000
    rig.submit("job", n=2)
    rig.wake()
    job = rig.wait_until_ended("job")
    assert (job.status, error(job)["code"], error(job)["retryable"]) == (Status.FAILED, "storage_failed", True)
    assert error(job)["details"] == {"images": [0, 1]}
    assert outputs(job) == []


def test_a_failed_upload_does_not_hurt_the_next_job(rig: WorkerHarness) -> None:
    rig.objects.refusals = 3
    rig.submit("first")
    rig.wake()
    assert rig.wait_until_ended("first").status is Status.FAILED
    rig.submit("second")
    rig.wake()
    assert rig.wait_until_ended("second").status is Status.SUCCEEDED


def test_a_request_that_is_not_understood_fails_and_lets_the_next_one_through(rig: WorkerHarness) -> None:
    rig.submit("broken", text='{"prompt": "a", "from_the_future": 1}')
    rig.submit("whole")
    rig.wake()
    broken = rig.wait_until_ended("broken")
    assert (broken.status, error(broken)["code"]) == (Status.FAILED, "internal")
    assert "from_the_future" in error(broken)["message"]
    assert rig.wait_until_ended("whole").status is Status.SUCCEEDED


def test_the_same_request_gives_the_same_bytes(rig: WorkerHarness) -> None:
    rig.submit("first", n=2)
    rig.submit("second", n=2)
    rig.wake()
    first, second = (outputs(rig.wait_until_ended(id)) for id in ("first", "second"))
    assert [output["sha256"] for output in first] == [output["sha256"] for output in second]


@pytest.mark.parametrize("images", [1, 16])
def test_nothing_is_held_once_the_job_has_ended(rig: WorkerHarness, images: int) -> None:
    rig.submit("job", n=images)
    rig.wake()
    rig.wait_until_ended("job")
    rig.join_wakeups()
    assert len(rig.worker.claimed_jobs) == 0
    assert rig.engine.is_empty()
