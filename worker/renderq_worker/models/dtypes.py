"""Choice of the dtype that a model runs in."""

from pathlib import Path

import torch

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.entries import Dtype
from renderq_worker.devices import cuda
from renderq_worker.models.parameter_count import parameter_counts

BFLOAT16_MIN_PARAMETERS = 100_000_000
"""Minimum weights of a model's largest component for bfloat16, which is then twice as fast as float32 on a CPU with
AVX512-BF16. The UNet of SD 1.5 has 860 million."""


def resolve_dtype(entry: ModelEntry, preferred: Dtype, device: torch.device) -> torch.dtype:
    """Return the catalog's dtype, else `preferred`, else the best one for the device.

    On CUDA that is float16, in which Stable Diffusion was published, and bfloat16 for newer models, which overflow in
    float16. On a CPU it is float32, so that the image is the one of stock diffusers by default: small models gain
    nothing from bfloat16. Large models run in bfloat16 where the CPU supports it natively, because that is twice as
    fast and saves minutes per image. float16 does not run on CPUs.
    """
    for name in (entry.dtype, preferred):
        if name != "auto":
            return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if entry.family == "pipeline" and cuda.has_bfloat16() else torch.float16
    if _has_bfloat16() and max(parameter_counts(entry).values(), default=0) >= BFLOAT16_MIN_PARAMETERS:
        return torch.bfloat16
    return torch.float32


def dtype_name(dtype: torch.dtype) -> str:
    """Return the name without torch's prefix, such as `float16`."""
    return str(dtype).removeprefix("torch.")


def _has_bfloat16() -> bool:
    """Return whether the CPU supports bfloat16 in hardware."""
    flags = Path("/proc/cpuinfo").read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags
