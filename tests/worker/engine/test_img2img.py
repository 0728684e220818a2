"""A picture made from a picture is bit for bit the one that diffusers' own pipeline makes of it."""

import numpy as np
import pytest
from PIL import Image

from renderq_shared.catalog import ModelEntry
from renderq_shared.sides import fitting_side
from renderq_worker.engine import Img2Img
from tests.worker.engine.stock import stock
from tests.worker.engine.studio import Studio, alone, picture, spec


@pytest.mark.parametrize("strength", [0.3, 0.58, 1.0])
def test_strength_decides_where_to_begin(velocity: ModelEntry, strength: float) -> None:
    wanted = spec(model="velocity", scheduler=None, steps=10, task=Img2Img(picture(), strength))
    np.testing.assert_array_equal(alone(velocity, wanted), stock(velocity, wanted))


def test_a_schedule_that_repeats_a_timestep_begins_at_the_right_one_of_them(tiny: ModelEntry) -> None:
    wanted = spec(scheduler="dpmpp_2m_karras", steps=50, task=Img2Img(picture(), 0.06))  # …, 2, 1, 1, 0
    np.testing.assert_array_equal(alone(tiny, wanted), stock(tiny, wanted))


def test_a_picture_of_other_sides_is_resized_as_stock_does(tiny: ModelEntry) -> None:
    image = picture(101, 75)
    sides = {"width": fitting_side(101), "height": fitting_side(75)}
    assert sides == {"width": 96, "height": 72}
    wanted = spec(scheduler=None, task=Img2Img(image, 0.5), **sides)
    expected = stock(tiny, wanted, image=Image.fromarray(image))
    assert np.abs(alone(tiny, wanted).astype(int) - expected.astype(int)).max() <= 1  # see LatentSpace.tensor


def test_a_strength_that_leaves_no_step_says_what_to_do(tiny: ModelEntry) -> None:
    studio = Studio([tiny])
    studio.submit(spec(0, steps=4, task=Img2Img(picture(), 0.2)), spec(1))
    studio.finish()
    assert studio.failed("job/0").message == (
        "strength 0.2 of 4 steps is less than one step; ask for more strength or more steps"
    )
    studio.rendered("job/1")
