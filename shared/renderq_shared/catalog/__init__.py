"""The catalog: models, their capabilities and their defaults, read without torch.

entries             one model, and the catalog
additions           what LoRAs and textual inversions have in common
loras               LoRAs, and the models that they fit
embeddings          textual inversions, and the models that they fit
loader              `models.toml` → the catalog, completed from the models' own files
model_image         images that show what a model can do
models_toml         `models.toml` as it is written
models_toml_errors  its errors in its own terms
sources             the folder or file that an entry names
hub_cache           downloads in the model hub's cache
revision            a digest that identifies a set of weights
pipeline_folder     `model_index.json`: class, components, and those that may be left out
folder_contents     what a folder without it holds
pipeline_config     a pipeline's configuration → family, tasks, native size, limits
generic_pipelines   pipelines without a step loop of ours
nearest_pipelines   advice about pipelines that are not served
noise_schedulers    schedulers by name: their class in diffusers, and their schedules
distillation        default sampling parameters of models distilled to few steps
layouts             configurations for single files in the original key layouts
json_files          configuration files
config_values       ranges of the numbers in them
"""

from renderq_shared.catalog.entries import Catalog, Dtype, EmbeddingEntry, LoraEntry, ModelEntry
from renderq_shared.catalog.hub_cache import HubSource, default_cache
from renderq_shared.catalog.loader import (
    load_catalog,
    read_model_configs,
    read_source_configs,
    resolve_entry,
    resolve_entry_with_additions,
)
from renderq_shared.catalog.models_toml import LoraConfig, ModelConfig
from renderq_shared.catalog.sources import BUILTIN

__all__ = [
    "BUILTIN",
    "Catalog",
    "Dtype",
    "EmbeddingEntry",
    "HubSource",
    "LoraConfig",
    "LoraEntry",
    "ModelConfig",
    "ModelEntry",
    "default_cache",
    "load_catalog",
    "read_model_configs",
    "read_source_configs",
    "resolve_entry",
    "resolve_entry_with_additions",
]
