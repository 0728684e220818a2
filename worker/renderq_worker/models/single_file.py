"""Pipelines from one file in the original key layout.

The components are built from the layout's configuration and compared with the names and shapes of the converted file
before any weight is copied. So `dry_load_file`, which reads no weights, refuses what `load_single_file` refuses.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import safetensors.torch
import torch
import transformers
from accelerate import init_empty_weights
from diffusers import DiffusionPipeline
from diffusers.loaders import single_file_utils
from torch import Tensor

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.json_files import read_json
from renderq_shared.checkpoints import read_weight_file, state_dict
from renderq_shared.errors import CheckpointUnreadable
from renderq_worker.models.assembly import assemble
from renderq_worker.models.clip import clip_tokenizer
from renderq_worker.models.component_files import check_configs
from renderq_worker.models.errors import ModelLoadFailed, error_line
from renderq_worker.models.limited_parameters import limited_parameters
from renderq_worker.models.rehearsal import rehearse_scheduler

_CLIP = ("cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
_OPEN_CLIP = {"text_encoder": "cond_stage_model.model.", "text_encoder_2": "conditioner.embedders.1.model."}
"""Prefixes of text encoders in the original layouts."""

Components = Mapping[str, tuple[Any, Mapping[str, Tensor] | None]]
"""Name → component, and its weights, which are not yet in it; `None` for a component without weights."""


def dry_load_file(entry: ModelEntry) -> Mapping[str, Any]:
    """Build every component without weights.

    Raises `ModelLoadFailed` if the file lacks some, or has others, and `CheckpointUnreadable` for a damaged one.
    """
    try:
        components = _components(entry, _meta_tensors(Path(entry.source)))
    except CheckpointUnreadable:
        raise
    except Exception as error:  # an invalid configuration of one's own can raise anything
        raise ModelLoadFailed(f"it cannot be loaded from {entry.source}: {error_line(error)}") from error
    return {name: component for name, (component, _) in components.items()}


def load_single_file(entry: ModelEntry, pipeline_class: Any, dtype: torch.dtype) -> DiffusionPipeline:
    """Load weights from the file and all else from the layout; files have no vocabulary.

    Raises `ModelLoadFailed` as `dry_load_file`, or the error of reading the file.
    """
    components = _components(entry, _read_tensors(Path(entry.source)))
    for component, weights in components.values():
        if weights is not None:
            component.load_state_dict({name: _copy(tensor, dtype) for name, tensor in weights.items()}, assign=True)
    return assemble(entry, pipeline_class, {name: component for name, (component, _) in components.items()})


def _meta_tensors(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors without their weights, from the file's index where it cannot be mapped into memory."""
    file = read_weight_file(path)
    if file.format != "legacy":
        return {name: tensor.to("meta") for name, tensor in _read_tensors(path).items()}
    return {
        name: torch.empty(tensor.shape, dtype=getattr(torch, tensor.dtype), device="meta")
        for name, tensor in file.tensors.items()
    }


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    """Map the file into memory; one of before torch 1.6 is read.

    Objects of training frameworks are replaced by inert ones, and nothing runs.
    """
    file = read_weight_file(path)
    if file.format == "safetensors":
        return safetensors.torch.load_file(path)
    stand_ins: list[Any] = [(type("StandIn", (_StandIn,), {}), name) for name in file.stand_ins]
    with torch.serialization.safe_globals(stand_ins):
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=file.format == "archive")
    return {name: tensor for name, tensor in state_dict(content).items() if isinstance(tensor, Tensor)}


class _StandIn:
    """Object that takes the place of another one and does nothing."""

    def __new__(cls, *_: object) -> Any:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def _components(entry: ModelEntry, tensors: Mapping[str, Tensor]) -> Components:
    """Build what the layout lists and a file can hold. Raises `ModelLoadFailed` for weights unlike the layout's."""
    layout, components = entry.config_folder, dict[str, tuple[Any, Mapping[str, Tensor] | None]]()
    for name, value in read_json(layout / "model_index.json").items():
        if not isinstance(value, list) or value[0] is None:
            continue
        class_name = str(value[1])
        if name.startswith("tokenizer"):
            components[name] = clip_tokenizer(layout / name), None
        elif name.endswith("scheduler"):
            scheduler_class = getattr(diffusers, class_name)
            check_configs(layout / name, scheduler_class)
            scheduler = scheduler_class.from_pretrained(layout / name)
            rehearse_scheduler(layout / name, scheduler, entry.defaults.steps)
            components[name] = scheduler, None
        elif name in ("unet", "vae", *_OPEN_CLIP):
            with limited_parameters(f"{name} of {layout}", len(tensors)):
                component = _empty_component(class_name, layout / name)
            components[name] = component, _weights(name, component, tensors)
    return components


def _empty_component(class_name: str, folder: Path) -> Any:
    """Build a component whose weights have shapes but no memory."""
    component_class = getattr(diffusers if hasattr(diffusers, class_name) else transformers, class_name)
    check_configs(folder, component_class)
    with init_empty_weights():
        if hasattr(diffusers, class_name):
            return component_class.from_config(component_class.load_config(folder)).eval()
        return component_class(component_class.config_class.from_pretrained(folder)).eval()


def _weights(name: str, component: Any, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the component's weights by its own names. Raises `ModelLoadFailed` unless all fit."""
    expected = component.state_dict()
    try:
        converted = _convert(name, component, dict(tensors))
    except KeyError as error:
        raise ModelLoadFailed(
            f"its {name} lacks {error.args[0]}; the file is incomplete or of another layout"
        ) from error
    missing = [key for key in expected if converted.get(key) is None]
    if missing:
        raise ModelLoadFailed(
            f"its {name} lacks {len(missing)} of {len(expected)} weights, such as {missing[0]}; the file is "
            "incomplete or of another layout"
        )
    for key, weight in expected.items():
        found = converted[key]
        if found.shape != weight.shape:
            raise ModelLoadFailed(
                f"its {name} has {key} of shape {tuple(found.shape)}, and the layout expects {tuple(weight.shape)}; "
                "the file is of another layout"
            )
        if found.is_floating_point() != weight.is_floating_point():
            raise ModelLoadFailed(f"its {name} has {key} in {found.dtype}: quantized weights are not loaded")
    return {key: converted[key] for key in expected}


def _convert(name: str, component: Any, tensors: dict[str, Tensor]) -> Mapping[str, Tensor]:
    """Rename and reshape the tensors of one component, as diffusers' `from_single_file` does."""
    if name == "unet":
        return single_file_utils.convert_ldm_unet_checkpoint(tensors, component.config)
    if name == "vae":
        return single_file_utils.convert_ldm_vae_checkpoint(tensors, component.config)
    if name == "text_encoder" and any(key.startswith(_CLIP) for key in tensors):
        converted = single_file_utils.convert_ldm_clip_checkpoint(tensors)
    else:
        converted = single_file_utils.convert_open_clip_checkpoint(component, tensors, prefix=_OPEN_CLIP[name])
    prefix = "" if hasattr(component, "text_model") else "text_model."  # transformers 5.6 has no such level any more
    return {key.removeprefix(prefix): tensor for key, tensor in converted.items()}


def _copy(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Copy a weight out of the memory-mapped file: unaligned weights give other last bits."""
    dtype = dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.to("cpu", dtype, copy=True, memory_format=torch.contiguous_format)
