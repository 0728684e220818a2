"""Tests on a real GPU, run by `pytest -m gpu`; docs/guides/gpu.md explains each check."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import open_device, resolve_device
from renderq_worker.engine import EngineSettings, Rendered, Warned
from renderq_worker.models.loading import load_pipeline
from tests.worker.engine.engine_harness import EngineHarness, spec
from tests.worker.engine.reference_pipeline import reference_pixels_of

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
MEAN_DIFFERENCE = 1.0
"""Largest difference, of 255, to the stock pipeline on the same GPU with the same dtype."""


@pytest.fixture
def restored_memory_limit() -> Iterator[None]:
    """Remove the memory limit after the test."""
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.fixture
def half(tiny: ModelEntry) -> ModelEntry:
    return tiny.model_copy(update={"dtype": "float16"})


def render(model: ModelEntry, **memory: Any) -> Rendered:
    harness = EngineHarness([model], wide_batches=False, device="cuda", **memory)
    harness.submit(spec(0))
    harness.finish()
    return harness.rendered("job/0")


def test_auto_is_the_gpu(tiny: ModelEntry) -> None:
    assert EngineSettings().device == "auto"
    assert resolve_device("auto").type == "cuda"
    stats = render(tiny.model_copy(update={"dtype": "auto"})).stats
    assert stats.device.startswith("cuda")
    assert stats.dtype == "float16"


def test_the_stock_image_in_half_precision(half: ModelEntry) -> None:
    reference = reference_pixels_of(load_pipeline(half, CUDA, torch.float16), spec(0))
    difference = np.abs(render(half).pixels.astype(int) - reference.astype(int))
    assert difference.mean() <= MEAN_DIFFERENCE


def test_where_the_weights_are_changes_no_pixel(half: ModelEntry) -> None:
    """Images have the training size of the tiny autoencoder, 32 pixels: larger ones are tiled in mode `low`."""
    request = spec(0, width=32, height=32)
    images: list[np.ndarray] = []
    for mode in ("full", "low"):
        harness = EngineHarness([half], wide_batches=False, device="cuda", memory_mode=mode)
        harness.submit(request)
        harness.finish()
        images.append(harness.pixels("job/0"))
    np.testing.assert_array_equal(*images)


def test_memory_is_reported(half: ModelEntry) -> None:
    device = open_device("cuda")
    free = device.free_bytes()
    assert 0 < free <= torch.cuda.get_device_properties(CUDA).total_memory
    buffer = torch.zeros(2**28, dtype=torch.uint8, device=CUDA)
    assert device.free_bytes() <= free - buffer.nbytes
    memory = device.memory()
    assert memory is not None
    assert buffer.nbytes <= memory.used <= memory.total
    device.reset_peak()
    peak = render(half).stats.peak_memory_bytes
    assert peak is not None
    assert peak > buffer.nbytes


@pytest.mark.usefixtures("restored_memory_limit")
def test_out_of_real_memory_the_fallbacks_help(half: ModelEntry) -> None:
    """Decoding 2048 × 2048 pixels takes 340 MB whole and a quarter of that in tiles."""
    harness = EngineHarness(
        [half], wide_batches=False, device="cuda", memory_mode="full", device_memory_bytes=250_000_000
    )
    harness.submit(spec(0, width=2048, height=2048, steps=1), spec(1))
    harness.finish()
    assert harness.pixels("job/0").shape == (2048, 2048, 3)
    assert harness.pixels("job/1").shape == (64, 64, 3)
    assert "autoencoder_tiled" in {event.code for event in harness.events_of("job/0") if isinstance(event, Warned)}
