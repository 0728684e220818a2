"""Models: which ones are in memory, how they get there, on which device and in which number format.

store        residency: least recently used leave first, within a budget
loading      a diffusers pipeline from its folder or a single file, without running code from it; imported by itself,
             because it brings diffusers
clip         the tokenizer that single files come without
weight_files which files of a folder count, and what is missing
footprint    number of weights, from the files' headers
placement    device and dtype
"""

from renderq_worker.models.errors import ModelError, ModelLoadFailed, ModelUnknown
from renderq_worker.models.footprint import parameters
from renderq_worker.models.placement import Dtype, free_memory, resolve_device, resolve_dtype
from renderq_worker.models.store import ModelStore

__all__ = [
    "Dtype",
    "ModelError",
    "ModelLoadFailed",
    "ModelStore",
    "ModelUnknown",
    "free_memory",
    "parameters",
    "resolve_device",
    "resolve_dtype",
]
