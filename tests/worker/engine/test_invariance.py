"""The probe tells models apart whose rows depend on the batch."""

import pytest
import torch
from torch import nn

from renderq_worker.engine.invariance import PROBED_ROWS, is_batch_invariant, pad_narrow_linears

ROWS = torch.randn(PROBED_ROWS, 8, generator=torch.Generator().manual_seed(0))


def test_a_model_that_treats_rows_apart() -> None:
    assert is_batch_invariant(lambda rows: ROWS[rows] * 3)


@pytest.mark.parametrize("width", [2, 3, 4, 5, 8, 16])
def test_a_model_that_computes_otherwise_from_some_width_on(width: int) -> None:
    def forward(rows: slice) -> torch.Tensor:
        batch = ROWS[rows]
        return batch * (3 if len(batch) < width else 3.000001)

    assert not is_batch_invariant(forward)


def test_a_model_whose_last_rows_differ() -> None:
    def forward(rows: slice) -> torch.Tensor:
        batch = ROWS[rows].clone()
        batch[8:] *= 1.000001
        return batch

    assert not is_batch_invariant(forward)


def test_padding_narrow_products_changes_no_shape_and_can_be_undone() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 3))
    seen: list[int] = []

    def forward(rows: torch.Tensor) -> torch.Tensor:
        with torch.profiler.profile(record_shapes=True) as profile:
            result = model(rows)
        products = [event for event in profile.events() if event.name == "aten::addmm"]
        seen[:] = [event.input_shapes[1][0] for event in products]
        return result

    expected = forward(ROWS[:2])
    assert seen == [2, 2]
    pad_narrow_linears(model, padded=True)
    torch.testing.assert_close(forward(ROWS[:2]), expected)
    assert seen == [4, 4]
    assert forward(ROWS[:6]).shape == (6, 3)
    assert seen == [6, 6]
    pad_narrow_linears(model, padded=False)
    forward(ROWS[:2])
    assert seen == [2, 2]
