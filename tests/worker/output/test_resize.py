"""Enlarged pixels, judged by Pillow."""

import numpy as np
import pytest
from PIL import Image

from renderq_worker.output import resize

PIXELS = np.random.default_rng(5).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarged_pixels_are_those_of_pillows_lanczos_filter(factor: int) -> None:
    expected = Image.fromarray(PIXELS).resize((7 * factor, 5 * factor), Image.Resampling.LANCZOS)
    assert np.array_equal(resize(PIXELS, factor), np.asarray(expected))
    assert np.array_equal(resize(np.asfortranarray(PIXELS), factor), np.asarray(expected))


def test_a_factor_of_one_changes_nothing() -> None:
    assert resize(PIXELS, 1) is PIXELS
