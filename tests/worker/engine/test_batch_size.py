"""Batch size, tuned from measurements."""

from collections.abc import Callable
from pathlib import Path

import pytest

from renderq_worker.engine.batch_key import BatchKey
from renderq_worker.engine.batch_size import BATCH_SIZES, BatchSizeTuner

KEY = BatchKey("sd15", "1", 512, 512)


def work(tuner: BatchSizeTuner, seconds: Callable[[int], float], forwards: int = 60, key: BatchKey = KEY) -> int:
    """Run full batches; return the resulting batch size."""
    for _ in range(forwards):
        rows = tuner.rows(key)
        tuner.record(key, rows, seconds(rows))
    return tuner.rows(key)


@pytest.mark.parametrize(
    ("seconds", "rows"),
    [
        (lambda rows: 1.0 * rows, 2),  # compute-bound: batching gains nothing
        (lambda rows: 1.0, BATCH_SIZES[-1]),  # dispatch-bound: a batch costs what a row costs
        (lambda rows: max(8.0, rows), 8),  # free until 8 rows, then linear
        (lambda rows: rows * (0.96 if rows > 2 else 1.0), 2),  # 4 % are too little
        (lambda rows: rows * (0.94 if rows > 2 else 1.0), 4),  # 6 % are enough, then nothing is gained
    ],
)
def test_width_grows_while_a_row_gets_cheaper(seconds: Callable[[int], float], rows: int) -> None:
    assert work(BatchSizeTuner("here"), seconds) == rows


def test_unmeasured_is_one_guided_image() -> None:
    tuner = BatchSizeTuner("here")
    assert tuner.rows(KEY) == 2
    assert tuner.rows_of_model("sd15") == 2


def test_one_slow_forward_pass_does_not_decide() -> None:
    tuner = BatchSizeTuner("here")
    outliers = iter([50.0, 1.0, 1.0] * 20)
    assert work(tuner, lambda rows: next(outliers)) == BATCH_SIZES[-1]


def test_odd_widths_count_for_the_next_batch_size() -> None:
    tuner = BatchSizeTuner("here")
    for _ in range(3):
        tuner.record(KEY, 2, 1.0)
    for _ in range(3):
        tuner.record(KEY, 3, 1.2)
    assert tuner.rows(KEY) == 8


def test_what_ran_out_of_memory_is_not_tried_again() -> None:
    tuner = BatchSizeTuner("here")
    assert work(tuner, lambda rows: 1.0, forwards=10) == 16
    tuner.record_out_of_memory(KEY, 16)
    assert work(tuner, lambda rows: 1.0) == 8


def test_shapes_are_measured_apart() -> None:
    tuner, wide = BatchSizeTuner("here"), BatchKey("sd15", "1", 1024, 512)
    assert work(tuner, lambda rows: 1.0) == BATCH_SIZES[-1]
    assert tuner.rows(wide) == 2
    work(tuner, lambda rows: float(rows), key=wide)
    assert tuner.rows_of_model("sd15") == 2  # the last shape


def test_measurements_survive_a_restart_in_the_same_place(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "batch_sizes.json"
    first = BatchSizeTuner("here", file)
    width = work(first, lambda rows: max(8.0, rows))
    first.record_out_of_memory(BatchKey("sd15", "1", 1024, 1024), 4)
    assert BatchSizeTuner("here", file).rows(KEY) == width == 8
    assert BatchSizeTuner("elsewhere", file).rows(KEY) == 2
    other = BatchSizeTuner("here", file)
    assert work(other, lambda rows: 1.0, key=BatchKey("sd15", "1", 1024, 1024)) == 2


def test_a_file_that_cannot_be_written_costs_only_the_memory_of_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert work(BatchSizeTuner("here", tmp_path / "file" / "batch_sizes.json"), lambda rows: max(8.0, rows)) == 8


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"sd15@1 512x512 here": {"seconds_per_row": {"2": "x"}}}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "batch_sizes.json"
    file.write_text(content)
    assert work(BatchSizeTuner("here", file), lambda rows: max(8.0, rows)) == 8
