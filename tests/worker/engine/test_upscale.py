"""Pictures four times as wide and high."""

import numpy as np
import pytest
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Upscale
from renderq_worker.engine.tiles import Tiles
from tests.worker.engine.stock import stock
from tests.worker.engine.studio import Studio, alone, picture, resident, spec


def test_a_large_picture_is_seen_in_tiles_and_keeps_its_bits_in_company(upscaler: ModelEntry) -> None:
    wide = {"model": "upscaler", "width": 176, "height": 128, "prompt": ""}
    specs = [
        spec(0, steps=3, task=Upscale(picture(44, 32), 20), **wide),
        spec(1, steps=5, scheduler="euler_a", task=Upscale(picture(44, 32, seed=1), 0), **wide),
    ]
    studio = Studio([upscaler])
    studio.widen(upscaler, 176, 128)
    studio.submit(specs[0])
    studio.tick(3)
    studio.submit(specs[1])
    studio.finish()
    for each in specs:
        np.testing.assert_array_equal(studio.pixels(each.id), alone(upscaler, each))
    with torch.inference_mode():
        state = resident(upscaler).begin(specs[0])
    assert state.start.tiles == Tiles(32, 44, 32, 32, tops=(0,), lefts=(0, 12))


@pytest.mark.filterwarnings("ignore:`upcast_vae` is deprecated:FutureWarning")
def test_in_half_precision_the_autoencoder_decodes_in_single(upscaler: ModelEntry) -> None:
    entry = upscaler.model_copy(update={"dtype": "float16"})
    wanted = spec(model="upscaler", scheduler=None, steps=2, task=Upscale(picture(16, 16), 20))
    np.testing.assert_array_equal(alone(entry, wanted), stock(entry, wanted))


def test_more_noise_than_the_model_knows_says_how_much_it_knows(upscaler: ModelEntry) -> None:
    studio = Studio([upscaler])
    studio.submit(spec(model="upscaler", task=Upscale(picture(16, 16), 400)))
    studio.finish()
    assert studio.failed("job/0").message == "noise_level 400 is more than this model's 350; ask for less"
