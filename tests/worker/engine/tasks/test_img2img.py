"""img2img: images are bit by bit those of diffusers' own pipeline."""

import numpy as np
import pytest
from PIL import Image

from renderq_shared.catalog import ModelEntry
from renderq_shared.imaging.size import round_down
from renderq_worker.engine import Img2Img
from tests.worker.engine.engine_harness import EngineHarness, random_image, render_alone, spec
from tests.worker.engine.reference_pipeline import reference_pixels


@pytest.mark.parametrize("strength", [0.3, 0.58, 1.0])
def test_strength_decides_where_to_begin(velocity: ModelEntry, strength: float) -> None:
    request = spec(model="velocity", scheduler=None, steps=10, task=Img2Img(random_image(), strength))
    np.testing.assert_array_equal(render_alone(velocity, request), reference_pixels(velocity, request))


def test_a_schedule_that_repeats_a_timestep_begins_at_the_right_one_of_them(tiny: ModelEntry) -> None:
    request = spec(scheduler="dpmpp_2m_karras", steps=50, task=Img2Img(random_image(), 0.06))  # …, 2, 1, 1, 0
    np.testing.assert_array_equal(render_alone(tiny, request), reference_pixels(tiny, request))


def test_an_image_of_another_size_is_resized_as_stock_does(tiny: ModelEntry) -> None:
    image = random_image(101, 75)
    size = {"width": round_down(101, 8), "height": round_down(75, 8)}
    assert size == {"width": 96, "height": 72}
    request = spec(scheduler=None, task=Img2Img(image, 0.5), **size)
    expected = reference_pixels(tiny, request, image=Image.fromarray(image))
    assert (
        np.abs(render_alone(tiny, request).astype(int) - expected.astype(int)).max() <= 1
    )  # see Autoencoder.preprocess


def test_a_strength_that_leaves_no_step_says_what_to_do(tiny: ModelEntry) -> None:
    harness = EngineHarness([tiny])
    harness.submit(spec(0, steps=4, task=Img2Img(random_image(), 0.2)), spec(1))
    harness.finish()
    assert harness.failed("job/0").message == (
        "strength 0.2 of 4 steps is less than one step; increase the strength or the steps"
    )
    harness.rendered("job/1")
