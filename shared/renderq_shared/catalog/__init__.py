"""The catalog: which models there are, what they can do, and what a request gets by default. Parsed without torch.

entries      one model, and all of them
models_toml  the file that names them
describing   from a pipeline's configuration to family, tasks and native size
layouts      the original key layouts of single files, with their configuration
hub_cache    where the model hub's client keeps what it downloaded
revisions    a digest that tells two sets of weights apart
"""

from renderq_shared.catalog.entries import Catalog, Dtype, ModelEntry
from renderq_shared.catalog.hub_cache import HubSource, default_cache
from renderq_shared.catalog.models_toml import (
    BUILTIN,
    ModelConfig,
    ModelsFile,
    load_catalog,
    read_models_file,
    resolve_entry,
)

__all__ = [
    "BUILTIN",
    "Catalog",
    "Dtype",
    "HubSource",
    "ModelConfig",
    "ModelEntry",
    "ModelsFile",
    "default_cache",
    "load_catalog",
    "read_models_file",
    "resolve_entry",
]
