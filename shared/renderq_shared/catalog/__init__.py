"""The catalog: models, their capabilities and their defaults, read without torch.

entries          one model, and the catalog
models_toml      reads `models.toml`
pipeline_config  a pipeline's configuration → family, tasks, native size, limits
layouts          configurations for single files in the original key layouts
hub_cache        finds downloads in the model hub's cache
revision         a digest that identifies a set of weights
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
