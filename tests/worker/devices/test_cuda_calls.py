"""Calls of `torch.cuda`, answered by the test: every call names the device by its index."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from renderq_shared.settings import WorkerSettings
from renderq_worker.devices import cuda, open_device, resolve_device
from renderq_worker.engine import create_engine
from renderq_worker.errors import DeviceUnusable


class FakeCuda:
    """Records calls; refuses devices without index, as torch does."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.current = 0
        self.error: Exception | None = None

    def set_per_process_memory_fraction(self, fraction: float, device: torch.device) -> None:
        if device.index is None:
            raise ValueError("Expected a torch.device with a specified index or an integer, but got:cuda")
        self.calls.append(("fraction", (fraction, device)))

    def ones(self, *shape: int, device: torch.device, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Compute on the CPU, or fail as the device does."""
        assert device.index is not None
        if self.error is not None:
            raise self.error
        return torch.full(shape, 1.0, dtype=dtype)

    def set_device(self, device: torch.device) -> None:
        self.calls.append(("select", device))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: fake.current)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=8_000))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", fake.set_per_process_memory_fraction)
    monkeypatch.setattr(torch.cuda, "set_device", fake.set_device)
    monkeypatch.setattr(torch, "ones", fake.ones)
    return fake


@pytest.mark.parametrize(("setting", "name"), [("auto", "cuda:0"), ("cuda", "cuda:0"), ("cuda:1", "cuda:1")])
def test_a_memory_limit_applies_to_the_device_with_its_index(fake: FakeCuda, setting: str, name: str) -> None:
    assert str(resolve_device(setting)) == name
    device = open_device(setting, 2_000)
    device.select()
    assert fake.calls == [("fraction", (0.25, torch.device(name))), ("select", torch.device(name))]


def test_a_device_responds_until_a_small_computation_fails(fake: FakeCuda) -> None:
    device = open_device("cuda:0")
    assert device.responds()
    fake.error = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    assert not device.responds()


def test_a_card_that_torch_has_no_kernels_for_is_refused(fake: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (6, 1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA GeForce GTX 1080")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80"])
    fake.error = torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device")
    with pytest.raises(DeviceUnusable) as caught:
        create_engine(WorkerSettings(device="cuda"), [])
    message = str(caught.value)
    assert (
        "has no kernels for NVIDIA GeForce GTX 1080, whose compute capability is 6.1, only for sm_75, sm_80" in message
    )
    assert "https://pytorch.org" in message


def test_a_card_that_others_have_filled_is_not_refused(fake: FakeCuda) -> None:
    fake.error = torch.OutOfMemoryError("CUDA out of memory")
    open_device("cuda")


@pytest.mark.skipif(torch.version.cuda is not None, reason="needs a build of torch without CUDA")
def test_a_card_that_torch_cannot_use_is_named(tmp_path: Path) -> None:
    assert cuda.unused_reason({}, tmp_path) is None
    assert cuda.unused_reason({}, tmp_path / "missing") is None
    (tmp_path / "0000:01:00.0").mkdir()
    assert cuda.unused_reason({}, tmp_path) == "Torch not compiled with CUDA enabled"
    assert cuda.unused_reason({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) is None
