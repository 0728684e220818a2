"""In which number format a model runs."""

from pathlib import Path

import torch

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.entries import Dtype
from renderq_worker.devices import cuda
from renderq_worker.models.parameter_count import parameter_counts

BFLOAT16_MIN_PARAMETERS = 100_000_000
"""Weights of a model's largest component from which bfloat16 is twice as fast as float32 on a CPU with AVX512-BF16;
the UNet of SD 1.5 has 860 million."""


def resolve_dtype(entry: ModelEntry, preferred: Dtype, device: torch.device) -> torch.dtype:
    """The catalog's format, else `preferred`, else the best one for the device.

    On CUDA that is float16, which Stable Diffusion was published in, and bfloat16 for newer models, which overflow in
    it. On a CPU it is float32, so that the picture is the one that stock diffusers gives by default: small models gain
    nothing from bfloat16. Large ones gain a factor of two, minutes per picture, so they get it where the CPU computes
    it natively. float16 does not run on CPUs.
    """
    for name in (entry.dtype, preferred):
        if name != "auto":
            return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if entry.family == "pipeline" and cuda.has_bfloat16() else torch.float16
    if _has_bfloat16() and max(parameter_counts(entry).values(), default=0) >= BFLOAT16_MIN_PARAMETERS:
        return torch.bfloat16
    return torch.float32


def _has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware."""
    flags = Path("/proc/cpuinfo").read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags
