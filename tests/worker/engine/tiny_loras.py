"""LoRAs of tiny models with random weights, in the key styles under which LoRAs are published."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from renderq_shared.catalog import LoraEntry, ModelEntry
from renderq_shared.catalog.pipeline_config import GENERIC_FAMILY
from renderq_shared.catalog.revision import compute_revision
from tests.worker.engine.reference_pipeline import load_reference

_UNET = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "proj_in")
_TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")
Keys = Callable[[str, str], tuple[str, str]]
"""Component and module → names of the two matrices."""


def peft_keys(component: str, module: str) -> tuple[str, str]:
    return f"{component}.{module}.lora_A.weight", f"{component}.{module}.lora_B.weight"


def kohya_keys(component: str, module: str) -> tuple[str, str]:
    prefix = {"unet": "unet", "text_encoder": "te1" if _is_xl else "te", "text_encoder_2": "te2"}[component]
    name = module if component == "unet" else f"text_model.{module}"
    stem = f"lora_{prefix}_{name.replace('.', '_')}"
    return f"{stem}.lora_down.weight", f"{stem}.lora_up.weight"


_is_xl = False


def save_lora(
    entry: ModelEntry, path: Path, *, seed: int = 0, rank: int = 4, scale: float = 0.3, keys: Keys = peft_keys
) -> LoraEntry:
    """Write a LoRA of UNet and text encoders, or of a transformer. With kohya's keys its alpha is half its rank."""
    generator, tensors = torch.Generator().manual_seed(seed), dict[str, Tensor]()
    global _is_xl
    _is_xl = entry.family == "sdxl"
    for component, name, module in _modules(entry):
        down, up = keys(component, name)
        kernel = tuple(getattr(module, "kernel_size", ()))
        inputs = getattr(module, "in_channels", None) or module.in_features
        outputs = getattr(module, "out_channels", None) or module.out_features
        tensors[down] = torch.randn(rank, inputs, *kernel, generator=generator) * scale
        tensors[up] = torch.randn(outputs, rank, *(1 for _ in kernel), generator=generator) * scale
        if keys is kohya_keys:
            tensors[f"{down.removesuffix('.lora_down.weight')}.alpha"] = torch.tensor(rank / 2)
    save_file(tensors, path)
    return LoraEntry(name=path.stem, source=str(path), revision=compute_revision(path, None))


def _modules(entry: ModelEntry) -> Iterator[tuple[str, str, Any]]:
    """Yield component, name and layer of those that a LoRA changes; of other families of the transformer alone."""
    parts = {"unet": _UNET, "text_encoder": _TEXT, "text_encoder_2": _TEXT}
    if entry.family == GENERIC_FAMILY:
        parts = {"transformer": _UNET}
    for component, endings in parts.items():
        model = getattr(load_reference(entry), component, None)
        if isinstance(model, nn.Module):
            for name, module in model.named_modules():
                if isinstance(module, nn.Linear | nn.Conv2d) and name.endswith(endings):
                    yield component, name, module
