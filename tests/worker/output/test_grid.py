"""Shape and maximum size of grids."""

import numpy as np
import pytest

from renderq_worker.output import Grid
from renderq_worker.output.grid import MAX_SIDE


@pytest.mark.parametrize(
    ("images", "columns", "rows"), [(1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 2, 2), (5, 3, 2), (7, 3, 3), (16, 4, 4)]
)
def test_shape_is_near_to_a_square(images: int, columns: int, rows: int) -> None:
    grid = Grid(images)
    assert (grid.columns, grid.rows) == (columns, rows)


def test_what_would_be_too_large_is_made_smaller_in_proportion() -> None:
    grid = Grid(16)
    for index in range(16):
        grid.paste(index, np.full((1024, 2048, 3), index * 15, np.uint8))
    assert grid.pixels.shape == (MAX_SIDE // 2, MAX_SIDE, 3)
    assert np.array_equal(grid.pixels[::512, ::1024, 0].flatten(), np.arange(16) * 15)


def test_a_sliver_keeps_a_pixel() -> None:
    grid = Grid(4)
    grid.paste(0, np.full((8, 16_384, 3), 9, np.uint8))
    assert grid.pixels.shape == (2, MAX_SIDE, 3)
