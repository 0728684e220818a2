"""Outpainting: the canvas, its mask, and the kept pixels."""

import numpy as np
import pytest

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import outpaint
from renderq_worker.engine.tasks.outpaint import FEATHER
from tests.worker.engine.engine_harness import random_image, render_alone, spec


def test_what_is_far_from_the_new_edges_is_untouched_to_the_last_bit(tiny: ModelEntry) -> None:
    image = random_image(64, 48)
    task = outpaint(image, left=16, bottom=8)
    height, width = task.mask.shape
    assert (width, height) == (80, 56)
    made = render_alone(tiny, spec(width=width, height=height, task=task))
    kept = 48 - FEATHER
    np.testing.assert_array_equal(made[:kept, 16 + FEATHER :], image[:kept, FEATHER:])
    assert (made[:, :16] != task.image[:, :16]).mean() > 0.9
    assert (made[48:] != task.image[48:]).mean() > 0.9


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_the_model_makes_the_outer_half_of_the_slope_anew(side: str) -> None:
    mask = outpaint(random_image(), **{side: 24}).mask
    oriented = {"left": mask, "right": mask[:, ::-1], "top": mask.T, "bottom": mask.T[:, ::-1]}[side]
    line = oriented[32]
    assert len(line) == 24 + 64
    assert (oriented == line).all()
    assert (line[:24] == 255).all()
    slope = line[24 : 24 + FEATHER].astype(int)
    assert (np.diff(slope) < 0).all()
    assert ((slope >= 128) == (np.arange(FEATHER) < FEATHER // 2)).all()
    assert (line[24 + FEATHER :] == 0).all()


def test_an_image_of_an_odd_size_is_made_to_fit_first() -> None:
    task = outpaint(random_image(67, 50), right=8)
    assert task.image.shape == (48, 72, 3)
    assert task.mask.shape == (48, 72)
