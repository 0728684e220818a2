"""Out of memory: each fallback on a GPU that is too small without it, and the failure after the last one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import DDIMScheduler

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Failed, Img2Img, Loading, Operation, Stage
from renderq_worker.engine.fallback_kind import FallbackKind
from renderq_worker.engine.oom_fallbacks import FALLBACKS
from tests.worker.engine.engine_harness import EngineHarness, random_image, render_alone, spec, warnings
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_pipeline
from tests.worker.engine.tiny_transformers import save_sd3

LARGE = {"width": 256, "height": 256, "steps": 2}
"""1.3 MB of weights; 1.8 MB to denoise one image, 10.5 MB to decode it whole, 3.4 MB in tiles."""


@pytest.fixture(scope="module")
def trained(folders: Path) -> ModelEntry:
    """Has an autoencoder with a training size in its configuration: 96 pixels."""
    save_pipeline(folders / "trained small", DDIMScheduler(**SD1_SCHEDULER), seed=8)
    config = folders / "trained small" / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": 96}))
    return entry(folders / "trained small", dtype="float32")


def on_gpu(megabytes: float, *entries: ModelEntry, **options: Any) -> EngineHarness:
    return EngineHarness(
        entries,
        **{
            "wide_batches": False,
            "device_memory_bytes": int(megabytes * 1e6),
            "memory_mode": "full",
            "batching": "fast",
        }
        | options,
    )


def loads(harness: EngineHarness) -> int:
    return sum(isinstance(event, Loading) for event in harness.events)


def render_tiled(model: ModelEntry, number: int = 0) -> np.ndarray:
    harness = EngineHarness([model], wide_batches=False, memory_mode="balanced")
    harness.submit(spec(number, **LARGE))
    harness.finish()
    return harness.pixels(f"job/{number}")


def test_the_fallbacks_go_from_what_costs_least_to_what_costs_most() -> None:
    assert [fallback.kind for fallback in FALLBACKS] == list(FallbackKind)


def test_enough_memory_leaves_everything_as_it_is(trained: ModelEntry) -> None:
    harness = on_gpu(13, trained)
    harness.submit(spec(0, **LARGE))
    harness.finish()
    assert warnings(harness) == []
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(trained, spec(0, **LARGE)))


def test_other_models_leave_first(trained: ModelEntry, velocity: ModelEntry) -> None:
    harness = on_gpu(13, trained, velocity)
    harness.submit(spec(1, model="velocity"))
    harness.finish()
    harness.submit(spec(0, **LARGE))
    harness.finish()
    assert warnings(harness) == ["models_evicted"]
    assert harness.models.resident == ("tiny",)
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(trained, spec(0, **LARGE)))


def test_loading_makes_models_leave_that_others_still_need_if_no_other_does(
    tiny: ModelEntry, velocity: ModelEntry
) -> None:
    harness = on_gpu(3, tiny, velocity)
    long, short = spec(0, steps=60), spec(1, model="velocity")
    harness.submit(long)
    harness.tick(3)
    harness.submit(short)
    harness.finish()
    assert [type(event) for event in harness.events_of("job/0")].count(Loading) == 2
    assert warnings(harness, "job/1") == ["models_evicted"]
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(tiny, long))
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(velocity, short))


def test_a_smaller_batch_then_tiles(trained: ModelEntry) -> None:
    harness = on_gpu(4.9, trained)
    harness.assume_wide_batches_pay(trained, 256, 256)
    harness.submit(spec(0, **LARGE), spec(1, **LARGE))
    harness.finish()
    for number in (0, 1):
        codes = warnings(harness, f"job/{number}")
        assert codes == ["batch_size_reduced", "autoencoder_tiled"]
        np.testing.assert_array_equal(harness.pixels(f"job/{number}"), render_tiled(trained, number))
        assert harness.stats(f"job/{number}").exactness == "loose"
    assert loads(harness) == 2  # two events, one load


def test_tiles_help_to_encode_too(trained: ModelEntry) -> None:
    harness = on_gpu(4.9, trained)
    harness.submit(spec(0, task=Img2Img(random_image(256, 256), 0.7), **LARGE))
    harness.tick(2)
    assert warnings(harness) == ["autoencoder_tiled"]
    harness.finish()
    assert harness.pixels("job/0").shape == (256, 256, 3)


def test_weights_leave_last_and_the_image_stays(trained: ModelEntry) -> None:
    harness = on_gpu(4.2, trained)
    harness.submit(spec(0, **LARGE), spec(1))
    harness.finish()
    assert warnings(harness) == ["autoencoder_tiled", "weights_offloaded"]
    assert warnings(harness, "job/1") == []
    np.testing.assert_array_equal(harness.pixels("job/0"), render_tiled(trained))
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(trained, spec(1)))
    assert harness.stats("job/1").exactness == "stock"


def test_what_an_image_needed_is_remembered_for_the_next_one_of_its_shape(trained: ModelEntry, tmp_path: Path) -> None:
    first = on_gpu(4.2, trained, batch_sizes_file=tmp_path / "batch_sizes.json")
    first.submit(spec(0, **LARGE))
    first.finish()
    assert loads(first) == 2  # the second time offloaded
    second = on_gpu(4.2, trained, batch_sizes_file=tmp_path / "batch_sizes.json")
    second.submit(spec(0, **LARGE))
    second.finish()
    assert loads(second) == 1
    assert warnings(second) == ["autoencoder_tiled"]  # no other fallback changes pixels
    np.testing.assert_array_equal(second.pixels("job/0"), render_tiled(trained))


def test_after_the_last_fallback_it_alone_fails_and_says_why(trained: ModelEntry) -> None:
    harness = on_gpu(2.7, trained)
    harness.submit(spec(0, **LARGE), spec(1), spec(2, **LARGE))
    harness.finish()
    for id in ("job/0", "job/2"):
        failed = harness.failed(id)
        assert failed.code == "out_of_memory"
        assert failed.message.startswith("denoising, 256×256 with model 'tiny': the device does not have enough memory")
        assert "of 2.7 MB were in use" in failed.message
        assert "only while in use" in failed.message
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(trained, spec(1)))


def test_a_model_that_no_fallback_brings_onto_the_gpu_fails(trained: ModelEntry) -> None:
    harness = on_gpu(0.9, trained)
    harness.submit(spec(0))
    harness.finish()
    assert isinstance(harness.final_event("job/0"), Failed)
    assert harness.failed("job/0").message.startswith("loading model, 64×64")
    assert loads(harness) == 2


@pytest.fixture(scope="module")
def sd3(folders: Path) -> ModelEntry:
    """A generic pipeline. 0.5 MB of weights; 3.4 MB to encode a prompt, 6 MB to decode 192 pixels."""
    save_sd3(folders / "sd3 on a small card")
    return entry(folders / "sd3 on a small card", "sd3", family="pipeline", dtype="float32")


def test_a_generic_pipeline_is_begun_again(sd3: ModelEntry, tiny: ModelEntry) -> None:
    harness = on_gpu(7.2, sd3, tiny)
    harness.submit(spec(1))
    harness.finish()
    request = spec(0, model="sd3", scheduler=None, steps=3, width=192, height=192)
    harness.submit(request)
    harness.finish()
    assert warnings(harness) == ["models_evicted"]
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(sd3, request))


def test_weights_leave_for_a_generic_pipeline(sd3: ModelEntry) -> None:
    harness = on_gpu(3.7, sd3)
    request = spec(0, model="sd3", scheduler=None, steps=3, width=32, height=32)
    harness.submit(request)
    harness.finish()
    assert warnings(harness) == ["weights_offloaded"]
    np.testing.assert_array_equal(harness.pixels("job/0"), render_alone(sd3, request))


def test_listeners_learn_of_each_operation_and_of_what_ran_out_of_memory(
    trained: ModelEntry, velocity: ModelEntry
) -> None:
    harness, operations = on_gpu(6, trained, velocity), list[Operation]()
    harness.engine.on_operation(operations.append)
    for model in (velocity, trained):
        harness.submit(spec(0, model=model.name, **LARGE))
        harness.finish()
    fallbacks = [each for each in operations if each.fallback is not None]
    assert fallbacks
    assert all(each.ran_out_of_memory and each.images == 0 for each in fallbacks)
    assert [each.evicted for each in fallbacks if each.fallback is FallbackKind.EVICTION] == [(velocity.name,)]
    done = [each for each in operations if each.images and each.model == trained.name]
    assert [each.stage for each in done][-1] is Stage.DECODING
    assert sum(each.stage is Stage.DENOISING for each in done) == LARGE["steps"]
    assert all(each.seconds > 0 and each.peak_bytes for each in done if each.stage is Stage.DENOISING)
