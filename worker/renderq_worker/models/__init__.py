"""Models: which ones are in memory, how they get there, where their weights are and in which number format.

store        residency: least recently used leave first, within a budget
loading      a diffusers pipeline from its folder or a single file, without running code from it; imported by itself,
             because it brings diffusers
placement    memory modes, and which weights are on the device
offload      loading in the memory mode that the placement says; by itself, too
needs        memory, computed from a model's configuration; by itself, too
clip         the tokenizer that single files come without
weight_files which files of a folder count, and what is missing
footprint    number of weights, from the files' headers
formats      dtype
"""

from renderq_worker.models.dtypes import resolve_dtype
from renderq_worker.models.errors import ModelError, ModelLoadFailed, ModelUnknown
from renderq_worker.models.parameter_count import parameter_counts
from renderq_worker.models.placement import MemoryMode, Placement
from renderq_worker.models.store import ModelStore

__all__ = [
    "MemoryMode",
    "ModelError",
    "ModelLoadFailed",
    "ModelStore",
    "ModelUnknown",
    "Placement",
    "parameter_counts",
    "resolve_dtype",
]
