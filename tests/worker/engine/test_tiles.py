"""Overlapping tiles of large images."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from renderq_worker.engine.tiles import OVERLAP, Tiles

LENGTHS = st.integers(1, 70)


@given(height=LENGTHS, width=LENGTHS, max_size=st.integers(4, 32))
def test_tiles_put_together_are_the_whole(height: int, width: int, max_size: int) -> None:
    tiles = Tiles.over(height, width, max_size)
    if tiles is None:
        assert max(height, width) <= max_size
        return
    sample = torch.randn(2, 3, height, width)
    predicted: list[Tensor] = []

    def predict(tile: Tensor) -> Tensor:
        predicted.append(tile)
        return tile[:, :2]

    torch.testing.assert_close(tiles.merge(sample, predict), sample[:, :2])
    assert {tile.shape[2:] for tile in predicted} == {(min(height, max_size), min(width, max_size))}
    for starts, length in ((tiles.tops, tiles.tile_height), (tiles.lefts, tiles.tile_width)):
        for first, second in pairwise(starts):
            assert first < second <= first + length * (1 - OVERLAP)


def test_neighbors_pass_into_each_other() -> None:
    tiles = Tiles.over(8, 14, 8)
    assert tiles is not None
    assert tiles.lefts == (0, 6)
    numbers = iter([0.0, 1.0])
    mixed = tiles.merge(torch.zeros(1, 1, 8, 14), lambda tile: tile + next(numbers))
    assert (mixed == mixed[:, :, :1]).all()
    line = mixed[0, 0, 0]
    assert line[:6].eq(0).all()
    assert 0 < line[6] < line[7] < 1
    assert line[8:].eq(1).all()
