"""Models: residency, loading, memory and dtype.

store            residency, least recently used first out, within a budget
loading          diffusers pipelines from folders and single files, without running their code
placement        memory modes, and the weights on the device
offload          loading in the memory mode of the placement
memory_estimate  memory of a model, computed from its configuration
parameter_count  number of weights, from file headers
weight_files     files of a folder to load, and missing ones
clip             tokenizer for single files, which lack one
dtypes           choice and names of dtypes

`loading`, `offload` and `memory_estimate` are not exported here, because they import diffusers.
"""

from renderq_worker.models.dtypes import dtype_name, resolve_dtype
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
    "dtype_name",
    "parameter_counts",
    "resolve_dtype",
]
