"""Workers of one `renderq up` are spread over the GPUs and divide their memory."""

import os
from pathlib import Path

import pytest

from renderq_shared.local.gpus import gpu_memory, worker_environments

GB = 10**9

FAKE_TORCH = """
from types import SimpleNamespace
sizes = [24_000_000_000, 8_000_000_000]
cuda = SimpleNamespace(
    device_count=lambda: len(sizes),
    get_device_properties=lambda number: SimpleNamespace(total_memory=sizes[number]),
)
"""


def shares(env: dict[str, str], workers: int, *gpus: int) -> list[tuple[str | None, str | None]]:
    environments = worker_environments(env, workers, [size * GB for size in gpus])
    assert all(environment.items() >= (env.items() - {("RENDERQ_DEVICE", "cuda")}) for environment in environments)
    return [(each.get("RENDERQ_DEVICE"), each.get("RENDERQ_DEVICE_MEMORY_GB")) for each in environments]


def test_each_worker_has_a_gpu_of_its_own_if_there_are_enough() -> None:
    assert shares({}, 2, 24, 24, 24) == [("cuda:0", None), ("cuda:1", None)]


def test_workers_of_one_gpu_divide_its_memory() -> None:
    assert shares({"RENDERQ_DEVICE": "cuda"}, 3, 24, 8) == [
        ("cuda:0", "12.000"),
        ("cuda:1", None),
        ("cuda:0", "12.000"),
    ]
    assert shares({"RENDERQ_DEVICE": "cuda:1"}, 2, 24, 8) == [("cuda:1", "4.000")] * 2


def test_a_memory_limit_that_is_set_is_kept() -> None:
    assert shares({"RENDERQ_DEVICE_MEMORY_GB": "5"}, 2, 24) == [("cuda:0", "5")] * 2


def test_one_worker_is_left_alone() -> None:
    assert worker_environments({"A": "b"}, 1, [24 * GB]) == [{"A": "b"}]


def test_without_gpus_workers_divide_the_memory_of_the_machine() -> None:
    one, two = worker_environments({}, 2, [])
    assert one == two
    [quarter, *_] = worker_environments({}, 4, [])
    ratio = float(one["RENDERQ_MODEL_MEMORY_GB"]) / float(quarter["RENDERQ_MODEL_MEMORY_GB"])
    assert ratio == pytest.approx(2, rel=0.2)
    assert worker_environments({"RENDERQ_DEVICE": "simulated:20"}, 2, []) == [{"RENDERQ_DEVICE": "simulated:20"}] * 2


def test_gpus_are_counted_by_the_torch_of_the_workers(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(FAKE_TORCH)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert gpu_memory(env) == (24 * GB, 8 * GB)
    assert gpu_memory({**env, "RENDERQ_DEVICE": "cuda:1"}) == (24 * GB, 8 * GB)
    for device in ("cpu", "simulated", "simulated:20"):
        assert gpu_memory({**env, "RENDERQ_DEVICE": device}) == ()


def test_a_torch_that_cannot_be_imported_counts_none(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so.12: cannot open shared object file')")
    assert gpu_memory({**os.environ, "PYTHONPATH": str(tmp_path)}) == ()
