"""Outpainting: the canvas, its mask, and the kept pixels."""

import numpy as np
import pytest

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import outpaint
from tests.worker.engine.engine_harness import random_image, render_alone, spec


def test_what_is_far_from_the_new_edges_is_untouched_to_the_last_bit(tiny: ModelEntry) -> None:
    image = random_image(64, 48)
    task = outpaint(image, block=8, left=16, bottom=8)
    height, width = task.mask.shape
    assert (width, height) == (80, 56)
    made = render_alone(tiny, spec(width=width, height=height, task=task))
    np.testing.assert_array_equal(made[:32, 32:], image[:32, 16:])
    assert (made[:, :16] != task.image[:, :16]).mean() > 0.9
    assert (made[48:] != task.image[48:]).mean() > 0.9


@pytest.mark.parametrize("block", [8, 16])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_the_model_makes_the_outer_of_two_blocks_anew(side: str, block: int) -> None:
    extension = 3 * block
    mask = outpaint(random_image(), block=block, **{side: extension}).mask
    oriented = {"left": mask, "right": mask[:, ::-1], "top": mask.T, "bottom": mask.T[:, ::-1]}[side]
    line = oriented[32]
    assert len(line) == extension + 64
    assert (oriented == line).all()
    assert (line[:extension] == 255).all()
    slope = line[extension : extension + 2 * block].astype(int)
    assert (np.diff(slope) < 0).all()
    assert ((slope >= 128) == (np.arange(2 * block) < block)).all()
    assert (line[extension + 2 * block :] == 0).all()


@pytest.mark.parametrize(("block", "height"), [(8, 48), (32, 32)])
def test_an_image_of_an_odd_size_is_made_to_fit_first(block: int, height: int) -> None:
    task = outpaint(random_image(67, 50), block=block, right=block)
    assert task.image.shape == (height, 64 + block, 3)
    assert task.mask.shape == (height, 64 + block)
