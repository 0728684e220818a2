"""Devices that images are computed on, and their memory.

device          interface to models and engine
errors          memory that ran out, and a device that is lost
cpu             CPU with the machine's memory
simulated_gpu   CPU with a memory limit, as a small GPU has
cuda            CUDA device; all code that needs one
memory_tracker  memory of live tensors
"""

import torch

from renderq_worker.devices import cuda
from renderq_worker.devices.cpu import CpuDevice
from renderq_worker.devices.device import Device, DeviceMemory
from renderq_worker.devices.errors import DeviceLost, is_device_error, is_out_of_memory
from renderq_worker.devices.memory_tracker import MemoryTracker
from renderq_worker.devices.simulated_gpu import SimulatedGpu

__all__ = [
    "CpuDevice",
    "Device",
    "DeviceLost",
    "DeviceMemory",
    "MemoryTracker",
    "SimulatedGpu",
    "is_device_error",
    "is_out_of_memory",
    "open_device",
    "resolve_device",
]


def resolve_device(device: str) -> torch.device:
    """Resolve a device setting; `auto` is a CUDA device if available, else the CPU. A CUDA device has an index."""
    if device == "auto":
        device = "cuda" if cuda.is_available() else "cpu"
    resolved = torch.device(device)
    if resolved == torch.device("cuda"):
        return torch.device("cuda", cuda.current_index())
    return resolved


def open_device(device: str, memory_bytes: int | None = None) -> Device:
    """Open this device with at most `memory_bytes`. Raises torch's errors for an unknown or missing device."""
    resolved = resolve_device(device)
    if resolved.type == "cuda":
        return cuda.CudaDevice(resolved, memory_bytes)
    return CpuDevice(resolved) if memory_bytes is None else SimulatedGpu(resolved, memory_bytes)
