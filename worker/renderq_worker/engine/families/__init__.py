"""Model families: one self-contained file each."""

from typing import Any

from renderq_shared.catalog import ModelEntry
from renderq_worker.engine.families.family import Family
from renderq_worker.engine.families.pipeline import WholePipeline
from renderq_worker.engine.families.sdxl import StableDiffusionXL
from renderq_worker.engine.families.stable_diffusion import StableDiffusion
from renderq_worker.engine.settings import EngineSettings
from renderq_worker.models import ModelLoadFailed, resolve_device, resolve_dtype

__all__ = ["Family", "StableDiffusion", "StableDiffusionXL", "WholePipeline", "load_family"]

_FAMILIES = {"stable_diffusion": StableDiffusion, "sdxl": StableDiffusionXL, "pipeline": WholePipeline}


def load_family(entry: ModelEntry, settings: EngineSettings) -> Family[Any]:
    """Load a model of the catalog. Raises `ModelLoadFailed`."""
    family = _FAMILIES.get(entry.family)
    if family is None:
        raise ModelLoadFailed(f"model {entry.name!r}: family {entry.family!r} is not one of {', '.join(_FAMILIES)}")
    device = resolve_device(settings.device)
    dtype = resolve_dtype(entry, settings.dtype, device)
    return family.load(entry, device, dtype, exact=settings.batching == "exact")
