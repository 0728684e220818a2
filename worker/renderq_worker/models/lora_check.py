"""LoRAs loaded without weights of their model: whether they fit it in every layer."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from renderq_shared.catalog import LoraEntry, ModelEntry
from renderq_worker.models.assembly import assemble
from renderq_worker.models.errors import ModelLoadFailed, error_line


def check_loras(entry: ModelEntry, pipeline_class: Any, components: Mapping[str, Any]) -> None:
    """Load the LoRAs of a model into its components on torch's meta device. Raises `ModelLoadFailed`."""
    if not entry.loras or None in components.values():
        return  # quantized
    pipeline: Any = assemble(entry, pipeline_class, components)
    for number, lora in enumerate(entry.loras):
        _check(entry, pipeline, lora, f"lora{number}")


def _check(entry: ModelEntry, pipeline: Any, lora: LoraEntry, adapter: str) -> None:
    path = Path(lora.source)
    try:
        with warnings.catch_warnings(), torch.inference_mode(mode=False):
            warnings.filterwarnings("ignore", "Already found a `peft_config`|While injecting the PEFT adapters")
            pipeline.load_lora_weights(path.parent, weight_name=path.name, adapter_name=adapter, local_files_only=True)
        if not any(adapter in names for names in pipeline.get_list_adapters().values()):
            raise ModelLoadFailed("it changes no layer")
    except Exception as error:
        raise ModelLoadFailed(
            f"model {entry.name!r}: LoRA {lora.name!r} ({path}) does not fit: {error_line(error)}"
        ) from error
