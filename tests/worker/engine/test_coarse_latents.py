"""A model whose latent pixels stand for 32 × 32 pixels: sizes and masks follow its own autoencoder."""

import numpy as np
import torch

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Inpaint, outpaint
from tests.worker.engine.engine_harness import loaded_family, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import reference_pixels

SIDE = 128


def test_every_multiple_of_a_block_gives_the_stock_image(coarse: ModelEntry) -> None:
    for width, height in ((SIDE, SIDE), (96, 32), (32, 160)):
        request = spec(model="coarse", width=width, height=height)
        np.testing.assert_array_equal(render_alone(coarse, request), reference_pixels(coarse, request))


def test_a_mask_repaints_every_block_that_it_touches(coarse: ModelEntry) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[60:70, 5:9] = 255
    image = random_image(SIDE, SIDE)
    job = spec(model="coarse", width=SIDE, height=SIDE, task=Inpaint(image, mask, 1.0))
    made = render_alone(coarse, job)
    np.testing.assert_array_equal(made[mask == 0], image[mask == 0])
    with torch.inference_mode():
        blend = loaded_family(coarse).prepare(job).prepared.blend
    assert blend is not None
    assert blend.mask[0, 0].tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]


def test_an_extended_image_is_kept_beyond_the_two_outer_blocks(coarse: ModelEntry) -> None:
    image = random_image(SIDE, SIDE)
    task = outpaint(image, block=32, right=32)
    job = spec(model="coarse", width=SIDE + 32, height=SIDE, task=task)
    made = render_alone(coarse, job)
    np.testing.assert_array_equal(made[:, : SIDE - 64], image[:, : SIDE - 64])
    assert (made[:, SIDE:] != task.image[:, SIDE:]).mean() > 0.9
    with torch.inference_mode():
        blend = loaded_family(coarse).prepare(job).prepared.blend
    assert blend is not None
    assert blend.mask[0, 0].tolist() == [[0, 0, 0, 1, 1]] * 4
