"""The probe finds out how far images keep their bits, and what it takes."""

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from renderq_worker.engine.invariance import PROBED_ROWS, Forward, ImageLinears, Invariance, Shape, Trials, probe

ROWS = torch.randn(PROBED_ROWS, 8, generator=torch.Generator().manual_seed(0))


def other_from(width: int) -> Forward:
    """A model that computes otherwise from this width on."""

    def forward(first: int, images: Sequence[int]) -> torch.Tensor:
        rows = sum(images)
        return ROWS[first : first + rows] * (3 if rows < width else 3.000001)

    return forward


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (99, Invariance(guided=16, unguided=16)),
        (16, Invariance(guided=12, unguided=12)),
        (8, Invariance(guided=4, unguided=4)),
        (3, Invariance()),
        (2, Invariance(guided=16, unguided=1)),  # only a single row is special: float32 convolutions
    ],
)
def test_the_probe_finds_the_widest_batch_that_changes_nothing(width: int, expected: Invariance) -> None:
    assert probe(other_from(width)) == expected


def test_a_model_whose_last_rows_differ_is_found_out() -> None:
    def forward(first: int, images: Sequence[int]) -> torch.Tensor:
        batch = ROWS[first : first + sum(images)].clone()
        batch[10:] *= 1.000001
        return batch

    assert probe(forward) == Invariance(guided=8, unguided=8)


def test_images_mix_only_where_both_kinds_keep_their_bits() -> None:
    assert Invariance(guided=16, unguided=16).mixes
    only_guided = Invariance(guided=12, unguided=1)
    assert (only_guided.mixes, only_guided.holds_for(2), only_guided.holds_for(1)) == (False, True, False)
    assert not Invariance().holds_for(2)


SHAPE = (8, 8, 1)


def trial(trials: Trials, images: Sequence[int], difference: float = 0.0, shape: Shape = SHAPE) -> list[float]:
    """The first row of each image: 1, and with this difference where it is not alone."""

    def predict(places: Sequence[int]) -> tuple[torch.Tensor, ...]:
        value = 1.0 if len(places) == 1 else 1.0 + difference
        return tuple(torch.full((images[place], 2), value) for place in places)

    return [float(rows[0, 0]) for rows in trials.checked(shape, images, predict)]


def test_the_first_batch_of_its_kind_is_compared_and_the_next_is_trusted() -> None:
    trials = Trials(Invariance(guided=16, unguided=16))
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
        ([2, 2, 2], Invariance(guided=4, unguided=8)),
        ([2, 2], Invariance(guided=2, unguided=8)),
        ([1, 1, 1], Invariance(guided=16, unguided=2)),
        ([2, 1], Invariance(guided=16, unguided=1)),
    ],
)
def test_a_batch_that_changes_bits_gives_the_right_ones_and_is_not_made_again(
    images: list[int], left: Invariance
) -> None:
    trials = Trials(Invariance(guided=16, unguided=8))
    assert trial(trials, images, 1e-6) == [1.0] * len(images)
    assert trials.invariance(SHAPE) == left
    assert trials.invariance((9, 7, 1)) == Invariance(guided=16, unguided=8)


def test_an_image_of_nan_proves_nothing() -> None:
    trials = Trials(Invariance(guided=16, unguided=16))
    nan, one = torch.full((2, 2), float("nan")), torch.ones(2, 2)
    trials.checked(SHAPE, [2, 2], lambda places: (nan, one) if len(places) == 2 else ((nan, one)[places[0]],))
    assert trials.invariance(SHAPE).guided == 16
    trials.checked((9, 7, 1), [2, 2], lambda places: (nan, nan) if len(places) == 2 else ((nan, one)[places[0]],))
    assert trials.invariance((9, 7, 1)).guided == 2


def test_linear_layers_compute_every_image_as_if_it_were_alone() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 3))
    linears, heights = ImageLinears(model), list[int]()

    def forward(images: Sequence[int]) -> torch.Tensor:
        with linears.batch_of(images), torch.profiler.profile(record_shapes=True) as profile:
            result = model(ROWS[: sum(images)])
        products = [event for event in profile.events() if event.name == "aten::addmm"]
        heights[:] = [event.input_shapes[1][0] for event in products]
        return result

    plain = forward([2, 1, 2])
    assert heights == [5, 5]
    linears.switch(on=True)
    torch.testing.assert_close(forward([2, 1, 2]), plain)
    assert heights == [2, 1, 2] * 2
    linears.switch(on=False)
    forward([2, 1, 2])
    assert heights == [5, 5]
