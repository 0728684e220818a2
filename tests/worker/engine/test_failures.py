"""Errors of one image end that image and no other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline

from renderq_shared.catalog import ModelEntry
from tests.worker.engine.engine_harness import EngineHarness, render_alone, spec
from tests.worker.engine.faults import poisoned_by, without_memory_for
from tests.worker.engine.tiny_models import entry


def test_nan_fails_its_own_image_only(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast")
    harness.submit(spec(0), spec(1, guidance_scale=1e38), spec(2))
    harness.finish()
    failed = harness.failed("job/1")
    assert (failed.code, failed.retryable) == ("nan_output", False)
    assert "NaN or infinity at step" in failed.message
    for number in (0, 2):
        difference = harness.pixels(f"job/{number}").astype(int) - render_alone(tiny, spec(number)).astype(int)
        assert np.abs(difference).max() <= 1


def test_nan_from_the_decoder_is_an_error_and_not_a_black_image(tiny: ModelEntry) -> None:
    def spoil(pipeline: StableDiffusionPipeline) -> None:
        pipeline.vae.decoder.conv_out.bias.data.fill_(float("nan"))

    harness = EngineHarness([tiny], inject_fault=spoil)
    harness.submit(spec(0))
    harness.finish()
    assert harness.failed("job/0").code == "nan_output"


def test_an_exception_fails_the_image_that_caused_it(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast", inject_fault=poisoned_by("poison"))
    harness.submit(spec(0), spec(1, prompt="poison"), spec(2))
    harness.finish()
    failed = harness.failed("job/1")
    assert (failed.code, failed.message) == ("internal", "ValueError: poison")
    for number in (0, 2):
        np.testing.assert_allclose(
            harness.pixels(f"job/{number}").astype(int), render_alone(tiny, spec(number)).astype(int), atol=1
        )


def test_a_batch_that_runs_out_of_memory_goes_on_narrower(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast", inject_fault=without_memory_for(4))
    harness.submit(*(spec(number) for number in range(6)))
    harness.finish()
    for number in range(6):
        assert harness.stats(f"job/{number}").batch_width_mean <= 2
        difference = harness.pixels(f"job/{number}").astype(int) - render_alone(tiny, spec(number)).astype(int)
        assert np.abs(difference).max() <= 1
    assert harness.engine.free_slots("tiny") == 2


def test_two_images_that_make_the_narrowest_batch_and_do_not_fit_together_go_on_alone(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast", inject_fault=without_memory_for(1))
    specs = [spec(number, guidance_scale=1.0) for number in range(2)]
    harness.submit(*specs)
    for _ in range(50):
        harness.step()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), render_alone(tiny, each))


def test_an_image_that_does_not_fit_alone_fails(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], batching="fast", inject_fault=without_memory_for(1))
    harness.submit(spec(0), spec(1, guidance_scale=1.0))
    harness.finish()
    failed = harness.failed("job/0")
    assert (failed.code, failed.retryable) == ("out_of_memory", True)
    assert "fewer pixels" in failed.message
    harness.rendered("job/1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scheduler": "dpm3000"}, "scheduler 'dpm3000' is unknown; choose one of ddim, "),
        ({"scheduler": "lcm", "steps": 1001}, "cannot be larger than"),
    ],
)
def test_what_cannot_be_started_says_why(tiny: ModelEntry, changes: dict[str, Any], message: str) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, **changes), spec(1))
    harness.finish()
    assert harness.failed("job/0").code == "internal"
    assert message in harness.failed("job/0").message
    harness.rendered("job/1")


def test_a_model_that_cannot_be_loaded_fails_its_own_images(tiny: ModelEntry, tmp_path: Path) -> None:
    harness = EngineHarness([tiny, entry(tmp_path / "gone", "gone")])
    harness.submit(spec(0, model="gone"), spec(1, model="gone"), spec(2))
    harness.finish()
    for id in ("job/0", "job/1"):
        assert harness.failed(id).code == "model_load_failed"
        assert "must be the folder of a diffusers pipeline" in harness.failed(id).message
    harness.rendered("job/2")


def test_a_failed_load_is_tried_again_for_later_jobs(tiny: ModelEntry, tmp_path: Path) -> None:
    late = entry(tmp_path / "late", "late", dtype="float32")
    harness = EngineHarness([late])
    harness.submit(spec(0, model="late"))
    harness.finish()
    assert harness.failed("job/0").code == "model_load_failed"
    (tmp_path / "late").symlink_to(tiny.source)
    harness.submit(spec(1, model="late"))
    harness.finish()
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(tiny, spec(1)))


def test_a_model_that_is_not_served_here(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, model="sdxl"))
    harness.finish()
    failed = harness.failed("job/0")
    assert (failed.code, failed.message) == (
        "model_load_failed",
        "model 'sdxl' is not served here; this worker serves tiny",
    )
