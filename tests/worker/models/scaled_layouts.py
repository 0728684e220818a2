"""Pipelines of the shipped layouts with random weights, scaled down but with every key."""

import json
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from renderq_shared.catalog.layouts import layout_folder
from renderq_worker.models.clip import clip_tokenizer

_CHANNELS = {320: 8, 640: 16, 1280: 16, 256: 8, 512: 16, 1024: 16}
_UNET = {
    "norm_num_groups": 8,
    "attention_head_dim": 2,
    "sample_size": 8,
    "transformer_layers_per_block": [1, 1, 2],
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 72,
}
_VAE = {"norm_num_groups": 4, "sample_size": 64}
_CLIP = {"intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
_WIDTHS = {"text_encoder": 16, "text_encoder_2": 24}


def small_layout(name: str, folder: Path, **changes: Mapping[str, Any]) -> Path:
    """Copy a shipped layout with scaled-down configurations; `changes` override them by component."""
    shutil.copytree(layout_folder(name), folder)
    encoders = [name for name in _WIDTHS if (folder / name).is_dir()]
    width = sum(_WIDTHS[name] for name in encoders)
    for encoder in encoders:
        size = _WIDTHS[encoder]
        _edit(folder / encoder, **_CLIP, hidden_size=size, projection_dim=size)
    unet = _read(folder / "unet")
    _edit(
        folder / "unet",
        **{key: value for key, value in _UNET.items() if key in unet},
        block_out_channels=[_CHANNELS[channels] for channels in unet["block_out_channels"]],
        cross_attention_dim=width,
    )
    blocks = len(_read(folder / "vae")["block_out_channels"])
    _edit(folder / "vae", **_VAE, block_out_channels=[8, 8, 16, 16][-blocks:])
    for component, more in changes.items():
        _edit(folder / component, **more)
    return folder


def small_pipeline(layout: Path, seed: int = 0, **given: Any) -> Any:
    """Build the layout's pipeline with random weights; `given` are existing components."""
    torch.manual_seed(seed)
    index = json.loads((layout / "model_index.json").read_text())
    pipeline_class = getattr(diffusers, index.pop("_class_name"))
    parts = {
        name: given.get(name) or _part(layout / name, value) for name, value in index.items() if isinstance(value, list)
    }
    options = {name: value for name, value in index.items() if not isinstance(value, list)}
    return pipeline_class(**parts, **options)


def _part(folder: Path, where: list[str | None]) -> Any:
    library, name = where
    if library is None or name is None:
        return None
    if name == "CLIPTokenizer":
        return _tokenizer(folder)
    if library == "transformers":
        part_class = getattr(transformers, name)
        return part_class(part_class.config_class.from_pretrained(folder)).eval()
    part_class = getattr(diffusers, name)
    part = part_class.from_config(part_class.load_config(folder))
    return part.eval() if isinstance(part, torch.nn.Module) else part


@cache
def _tokenizer(folder: Path) -> Any:
    return clip_tokenizer(folder)


def _read(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text())


def _edit(folder: Path, **changes: Any) -> None:
    (folder / "config.json").write_text(json.dumps(_read(folder) | changes))
