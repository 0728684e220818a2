"""Batch invariance: its probe, its tracker, and linear layers that work image by image."""

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from renderq_worker.engine.batch_invariance import (
    PROBED_ROWS,
    BatchInvariance,
    Forward,
    InvarianceTracker,
    PerImageLinear,
    Shape,
    measure_invariance,
)

ROWS = torch.randn(PROBED_ROWS, 8, generator=torch.Generator().manual_seed(0))


def other_from(width: int) -> Forward:
    """Return a model whose bits change at this number of rows."""

    def forward(first: int, images: Sequence[int]) -> torch.Tensor:
        rows = sum(images)
        return ROWS[first : first + rows] * (3 if rows < width else 3.000001)

    return forward


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (99, BatchInvariance(guided_rows=16, unguided_rows=16)),
        (16, BatchInvariance(guided_rows=12, unguided_rows=12)),
        (8, BatchInvariance(guided_rows=4, unguided_rows=4)),
        (3, BatchInvariance()),
        (2, BatchInvariance(guided_rows=16, unguided_rows=1)),  # only a single row is special: float32 convolutions
    ],
)
def test_the_probe_finds_the_widest_batch_that_changes_nothing(width: int, expected: BatchInvariance) -> None:
    assert measure_invariance(other_from(width)) == expected


def test_a_model_whose_last_rows_differ_is_found_out() -> None:
    def forward(first: int, images: Sequence[int]) -> torch.Tensor:
        batch = ROWS[first : first + sum(images)].clone()
        batch[10:] *= 1.000001
        return batch

    assert measure_invariance(forward) == BatchInvariance(guided_rows=8, unguided_rows=8)


def test_images_mix_only_where_both_kinds_keep_their_bits() -> None:
    assert BatchInvariance(guided_rows=16, unguided_rows=16).allows_mixing
    only_guided = BatchInvariance(guided_rows=12, unguided_rows=1)
    assert (only_guided.allows_mixing, only_guided.is_invariant(2), only_guided.is_invariant(1)) == (False, True, False)
    assert not BatchInvariance().is_invariant(2)


SHAPE = (8, 8, 1)


def trial(
    trials: InvarianceTracker, images: Sequence[int], difference: float = 0.0, shape: Shape = SHAPE
) -> list[float]:
    """Return the first row of each image: 1, plus this difference in a batch."""

    def predict(places: Sequence[int]) -> tuple[torch.Tensor, ...]:
        value = 1.0 if len(places) == 1 else 1.0 + difference
        return tuple(torch.full((images[place], 2), value) for place in places)

    return [float(rows[0, 0]) for rows in trials.predict_checked(shape, images, predict)]


def test_the_first_batch_of_its_kind_is_compared_and_the_next_is_trusted() -> None:
    trials = InvarianceTracker(BatchInvariance(guided_rows=16, unguided_rows=16))
    assert trial(trials, [2]) == [1.0]
    assert trials.count == 0
    assert trial(trials, [2, 1, 2]) == [1.0] * 3
    assert trials.count == 1
    assert trial(trials, [1, 2, 2], 0.5) == [1.5] * 3
    assert trials.count == 1
    for images, shape in (([2, 2], SHAPE), ([1, 2, 2], (9, 7, 1)), ([1, 2, 2], (8, 8, 2))):
        assert trial(trials, images, 0.5, shape) == [1.0] * len(images)


@pytest.mark.parametrize(
    ("images", "left"),
    [
        ([2, 2, 2], BatchInvariance(guided_rows=4, unguided_rows=8)),
        ([2, 2], BatchInvariance(guided_rows=2, unguided_rows=8)),
        ([1, 1, 1], BatchInvariance(guided_rows=16, unguided_rows=2)),
        ([2, 1], BatchInvariance(guided_rows=16, unguided_rows=1)),
    ],
)
def test_a_batch_that_changes_bits_gives_the_right_ones_and_is_not_made_again(
    images: list[int], left: BatchInvariance
) -> None:
    trials = InvarianceTracker(BatchInvariance(guided_rows=16, unguided_rows=8))
    assert trial(trials, images, 1e-6) == [1.0] * len(images)
    assert trials.invariance_for(SHAPE) == left
    assert trials.invariance_for((9, 7, 1)) == BatchInvariance(guided_rows=16, unguided_rows=8)


def test_an_image_of_nan_proves_nothing() -> None:
    trials = InvarianceTracker(BatchInvariance(guided_rows=16, unguided_rows=16))
    nan, one = torch.full((2, 2), float("nan")), torch.ones(2, 2)
    trials.predict_checked(SHAPE, [2, 2], lambda places: (nan, one) if len(places) == 2 else ((nan, one)[places[0]],))
    assert trials.invariance_for(SHAPE).guided_rows == 16
    trials.predict_checked(
        (9, 7, 1), [2, 2], lambda places: (nan, nan) if len(places) == 2 else ((nan, one)[places[0]],)
    )
    assert trials.invariance_for((9, 7, 1)).guided_rows == 2


def test_linear_layers_compute_every_image_as_if_it_were_alone() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 3))
    linears, heights = PerImageLinear(model, exact=True), list[int]()

    def forward(images: Sequence[int]) -> torch.Tensor:
        with linears.batch_of(images), torch.profiler.profile(record_shapes=True) as profile:
            result = model(ROWS[: sum(images)])
        products = [event for event in profile.events() if event.name == "aten::addmm"]
        heights[:] = [event.input_shapes[1][0] for event in products]
        return result

    plain = forward([2, 1, 2])
    assert heights == [5, 5]
    linears.set_enabled(on=True)
    torch.testing.assert_close(forward([2, 1, 2]), plain)
    assert heights == [2, 1, 2] * 2
    linears.set_enabled(on=False)
    forward([2, 1, 2])
    assert heights == [5, 5]
