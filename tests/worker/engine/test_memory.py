"""Memory modes on a simulated GPU: tracked memory, placement of weights, unchanged pixels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import DeviceMemory, SimulatedGpu
from renderq_worker.engine import Img2Img, Warned
from renderq_worker.models import Placement
from renderq_worker.models.memory_estimate import MetaModel, estimate_memory
from tests.worker.engine import tiny_transformers
from tests.worker.engine.engine_harness import EngineHarness, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import load_reference, reference_pixels
from tests.worker.engine.tiny_later_transformers import save_kontext
from tests.worker.engine.tiny_models import SD1_SCHEDULER, entry, save_pipeline
from tests.worker.engine.tiny_transformers import save_sd3

AMPLE = 10**9
LARGE = {"width": 256, "height": 256, "steps": 2}


@pytest.fixture(scope="module")
def trained(folders: Path) -> ModelEntry:
    """Has an autoencoder with a training size in its configuration: 128 pixels."""
    save_pipeline(folders / "trained", DDIMScheduler(**SD1_SCHEDULER), seed=8)
    config = folders / "trained" / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": 128}))
    return entry(folders / "trained", dtype="float32")


@pytest.fixture(scope="module")
def sd3(folders: Path) -> ModelEntry:
    save_sd3(folders / "sd3 on a gpu")
    return entry(folders / "sd3 on a gpu", "sd3", family="pipeline", dtype="float32")


def gpu(memory_bytes: int = AMPLE) -> SimulatedGpu:
    return SimulatedGpu(torch.device("cpu"), memory_bytes)


def used_bytes(harness: EngineHarness) -> int:
    return AMPLE - harness.placement.device.free_bytes()


def render(model: ModelEntry, **changes: Any) -> tuple[np.ndarray, int | None]:
    """Render an image with ample memory; return its pixels and its peak memory."""
    mode = changes.pop("mode")
    harness = EngineHarness([model], wide_batches=False, batching="fast", device_memory_bytes=AMPLE, memory_mode=mode)
    harness.submit(spec(0, **{"model": model.name} | changes))
    harness.finish()
    assert not [event for event in harness.events if isinstance(event, Warned)]
    return harness.pixels("job/0"), harness.stats("job/0").peak_memory_bytes


def test_memory_is_taken_while_a_storage_lives_and_counts_once() -> None:
    device = gpu()
    with torch.inference_mode(), device.tracked():
        whole = torch.zeros(1000)
        part = whole[:10]
        assert device.free_bytes() == AMPLE - 4000
        assert device.memory() == DeviceMemory(4000, AMPLE)
        del whole
        assert device.free_bytes() == AMPLE - 4000
        del part
        assert device.free_bytes() == AMPLE
    assert device.peak_bytes() == 4000


def test_more_than_there_is_says_what_was_needed_and_what_there_was() -> None:
    device = gpu(1_000_000)
    with device.tracked(), pytest.raises(torch.OutOfMemoryError, match=r"allocate 0\.8 MB; 0\.4 MB of 1\.0 MB"):
        _kept = torch.zeros(100_000), torch.zeros(200_000)
    assert device.free_bytes() == 1_000_000


@pytest.mark.parametrize("model", ["tiny", "xl", "sd3"])
def test_where_the_weights_are_changes_no_pixel(model: str, request: pytest.FixtureRequest) -> None:
    model_entry: ModelEntry = request.getfixturevalue(model)
    changes: dict[str, Any] = {"scheduler": None, "width": 32, "height": 32} | _TASKS[model]
    full, full_peak = render(model_entry, mode="full", **changes)
    low, low_peak = render(model_entry, mode="low", **changes)
    np.testing.assert_array_equal(low, full)
    assert full_peak is not None
    assert low_peak is not None
    assert low_peak < full_peak


_TASKS: dict[str, dict[str, Any]] = {
    "tiny": {"task": Img2Img(random_image(), 0.7), "prompt": "a (red:1.3) house"},
    "xl": {},
    "sd3": {},
}


def test_what_the_gpu_counts_changes_no_pixel(tiny: ModelEntry) -> None:
    np.testing.assert_array_equal(render(tiny, mode="full")[0], render_alone(tiny, spec(0)))


def test_in_low_mode_one_component_is_on_the_device(tiny: ModelEntry, velocity: ModelEntry) -> None:
    harness = EngineHarness([tiny, velocity], wide_batches=False, device_memory_bytes=AMPLE, memory_mode="low")
    harness.submit(spec(0, width=32, height=32), spec(1, model="velocity", width=32, height=32))
    weights = estimate_memory(tiny, torch.float32).weights
    peak = 0
    while harness.step():
        peak = max(peak, used_bytes(harness))
    assert weights["unet"] < peak < weights["unet"] + weights["vae"]
    assert harness.models.resident == ("tiny", "velocity")


def test_in_full_mode_all_weights_are_there_until_the_model_leaves(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny], wide_batches=False, device_memory_bytes=AMPLE, memory_mode="full")
    harness.submit(spec(0))
    harness.finish()
    weights = sum(estimate_memory(tiny, torch.float32).weights.values())
    assert weights <= used_bytes(harness) < 1.1 * weights
    harness.models.evict("tiny")
    assert used_bytes(harness) == 0


@pytest.mark.parametrize("mode", ["balanced", "low"])
def test_large_images_are_decoded_in_the_tiles_of_the_stock_autoencoder(trained: ModelEntry, mode: str) -> None:
    harness = EngineHarness([trained], wide_batches=False, memory_mode=mode)
    harness.submit(spec(0, **LARGE), spec(1))
    harness.finish()
    [warning] = [event for event in harness.events if isinstance(event, Warned)]
    assert (warning.generation_id, warning.code) == ("job/0", "autoencoder_tiled")
    np.testing.assert_array_equal(harness.pixels("job/1"), render_alone(trained, spec(1)))
    autoencoder = load_reference(trained).vae  # type: ignore[attr-defined]
    autoencoder.enable_tiling()
    tiled = reference_pixels(trained, spec(0, **LARGE))
    autoencoder.disable_tiling()
    np.testing.assert_array_equal(harness.pixels("job/0"), tiled)


def test_auto_spares_as_little_as_the_free_memory_allows(trained: ModelEntry) -> None:
    estimate = estimate_memory(trained, torch.float32)
    assert estimate.default_size is not None
    assert estimate.max_size is not None
    weights = sum(estimate.weights.values())

    def mode(memory_bytes: float) -> str:
        return Placement(gpu(int(memory_bytes / 0.8) + 1)).mode_of(trained)

    assert mode(weights + estimate.max_size) == "full"
    assert mode(weights + estimate.max_size - 10) == "balanced"
    assert mode(weights + estimate.default_size) == "balanced"
    assert mode(weights + estimate.default_size - 10) == "low"
    assert Placement(gpu(), mode="low").mode_of(trained.model_copy(update={"memory": "full"})) == "full"


def test_needs_are_computed_as_they_are_counted(tiny: ModelEntry) -> None:
    estimate = estimate_memory(tiny, torch.float32)
    assert estimate.max_size is not None
    _, peak = render(tiny, mode="full", **LARGE)
    assert peak == pytest.approx(sum(estimate.weights.values()) + estimate.max_size, rel=0.02)


@pytest.mark.parametrize("kind", ["sd3", "flux", "z_image"])
def test_needs_of_a_whole_pipeline_are_computed_as_they_are_counted(kind: str, folders: Path) -> None:
    folder = folders / f"{kind} in memory"
    getattr(tiny_transformers, f"save_{kind}")(folder)
    model = entry(folder, kind, family="pipeline", dtype="float32")
    estimate = estimate_memory(model, torch.float32)
    assert estimate.default_size is not None
    assert estimate.max_size is not None
    for size, computed in ((64, estimate.default_size), (256, estimate.max_size)):
        _, peak = render(model, mode="full", width=size, height=size, steps=2, scheduler=None, negative_prompt="")
        assert peak == pytest.approx(sum(estimate.weights.values()) + computed, rel=0.15), size


def test_needs_of_kontext_grow_with_the_image_though_its_call_prefers_one_area(folders: Path) -> None:
    save_kontext(folders / "kontext in memory")
    model = entry(folders / "kontext in memory", "kontext", family="pipeline", dtype="float32")
    limits = model.limits.model_copy(update={"max_side": 2048, "max_pixels": 2048 * 2048})
    estimate = estimate_memory(model.model_copy(update={"limits": limits}), torch.float32)
    assert estimate.default_size is not None
    assert estimate.max_size is not None
    assert estimate.max_size > 2 * estimate.default_size


@pytest.mark.parametrize("model", ["xl", "upscaler"])
def test_the_work_of_every_kind_can_be_computed(model: str, request: pytest.FixtureRequest) -> None:
    model_entry: ModelEntry = request.getfixturevalue(model)
    memory = MetaModel(model_entry.config_folder, torch.float16).activation_memory(64, 64)
    assert memory.denoising > 0
    assert memory.decoding > 0
