"""Devices: where pictures are computed, and how much memory there is for that.

device      what the engine asks of one
host        the CPU with the machine's memory
small_card  the CPU with as little memory as a small graphics card
cuda        a CUDA device: every line that needs one is in this module
counting    memory of tensors, counted while they come and go
"""

import torch

from renderq_worker.devices import cuda
from renderq_worker.devices.cpu import CpuDevice
from renderq_worker.devices.device import Device
from renderq_worker.devices.memory_tracker import MemoryTracker
from renderq_worker.devices.simulated_gpu import SimulatedGpu

__all__ = ["CpuDevice", "Device", "MemoryTracker", "SimulatedGpu", "open_device", "resolve_device"]


def resolve_device(device: str) -> torch.device:
    """`auto` is the first CUDA device where there is one, else the CPU."""
    if device != "auto":
        return torch.device(device)
    return torch.device("cuda" if cuda.is_available() else "cpu")


def open_device(device: str, memory_bytes: int | None = None) -> Device:
    """The device of this name, with no more than `memory_bytes`. Raises what torch does for one that is not there."""
    resolved = resolve_device(device)
    if resolved.type == "cuda":
        return cuda.CudaDevice(resolved, memory_bytes)
    return CpuDevice(resolved) if memory_bytes is None else SimulatedGpu(resolved, memory_bytes)
