"""upscale: images of four times the width and height."""

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Upscale
from renderq_worker.engine.tiles import Tiles
from tests.worker.engine.engine_harness import EngineHarness, loaded_family, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import reference_pixels


def test_a_large_image_is_seen_in_tiles_and_keeps_its_bits_in_company(upscaler: ModelEntry) -> None:
    wide = {"model": "upscaler", "width": 176, "height": 128, "prompt": ""}
    specs = [
        spec(0, steps=3, task=Upscale(random_image(44, 32), 20), **wide),
        spec(1, steps=5, scheduler="euler_a", task=Upscale(random_image(44, 32, seed=1), 0), **wide),
    ]
    harness = EngineHarness([upscaler])
    harness.assume_wide_batches_pay(upscaler, 176, 128)
    harness.submit(specs[0])
    harness.tick(3)
    harness.submit(specs[1])
    harness.finish()
    for each in specs:
        np.testing.assert_array_equal(harness.pixels(each.id), render_alone(upscaler, each))
    with torch.inference_mode():
        state = loaded_family(upscaler).prepare(specs[0])
    assert state.prepared.tiles == Tiles(32, 44, 32, 32, tops=(0,), lefts=(0, 12))


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
def test_in_half_precision_the_autoencoder_decodes_in_single(upscaler: ModelEntry) -> None:
    entry = upscaler.model_copy(update={"dtype": "float16"})
    request = spec(model="upscaler", scheduler=None, steps=2, task=Upscale(random_image(16, 16), 20))
    np.testing.assert_array_equal(render_alone(entry, request), reference_pixels(entry, request))


def test_more_noise_than_the_model_knows_says_how_much_it_knows(upscaler: ModelEntry) -> None:
    harness = EngineHarness([upscaler])
    harness.submit(spec(model="upscaler", task=Upscale(random_image(16, 16), 400)))
    harness.finish()
    assert harness.failed("job/0").message == "noise_level 400 exceeds the maximum of this model, 350"
