"""Models: which ones are in memory, how they get there, on which device and in which number format.

store        residency: least recently used leave first, within a budget
loading      a diffusers pipeline from its folder, without running code from it
placement    device and dtype
footprint    size of the weights, from the files' headers
"""

from renderq_worker.models.errors import ModelError, ModelLoadFailed, ModelUnknown
from renderq_worker.models.footprint import parameters
from renderq_worker.models.loading import load_stable_diffusion
from renderq_worker.models.placement import Dtype, free_memory, resolve_device, resolve_dtype
from renderq_worker.models.store import ModelStore

__all__ = [
    "Dtype",
    "ModelError",
    "ModelLoadFailed",
    "ModelStore",
    "ModelUnknown",
    "free_memory",
    "load_stable_diffusion",
    "parameters",
    "resolve_device",
    "resolve_dtype",
]
