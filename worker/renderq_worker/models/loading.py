"""Loading of diffusers pipelines from folders and single files, without running their code and without network."""

from inspect import signature
from typing import Any

import diffusers
import torch
import transformers
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from torch import nn
from transformers.utils import logging as transformers_logging

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_config import family_of, read_json
from renderq_shared.errors import CatalogInvalid
from renderq_worker.models.clip import clip_tokenizer
from renderq_worker.models.errors import ModelLoadFailed
from renderq_worker.models.parameter_count import parameter_counts

_RENAMED = {"CLIPFeatureExtractor": "CLIPImageProcessor", "DPTFeatureExtractor": "DPTImageProcessor"}
"""Class names in published pipelines, e.g. stable-diffusion-2-depth, and their names in transformers 5. diffusers looks
the old names up in transformers."""


def load_pipeline(entry: ModelEntry, device: torch.device, dtype: torch.dtype) -> DiffusionPipeline:
    """Load the pipeline of this entry, of the class in its configuration, in evaluation mode on `device`.

    safetensors are preferred; pickled weights are read with `weights_only`, and components with code of their own are
    rejected, both by diffusers' defaults. Raises `ModelLoadFailed`, or the original error when memory is exhausted.
    """
    pipeline_class = _pipeline_class(entry)
    parameter_counts(entry)  # reports missing or damaged files better than diffusers does
    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # everything relevant is checked and reported here
    try:
        with torch.inference_mode(mode=False):  # inference tensors use other kernels, with other last bits
            pipeline = (_from_file if entry.layout else _from_folder)(entry, pipeline_class, dtype)
            pipeline.to(device)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        raise ModelLoadFailed(f"model {entry.name!r} cannot be loaded from {entry.source}: {_reason(error)}") from error
    return pipeline


def _pipeline_class(entry: ModelEntry) -> Any:
    """Return the pipeline class. Raises `ModelLoadFailed` if the configuration is of another family."""
    try:
        name = str(read_json(entry.config_folder / "model_index.json").get("_class_name"))
        if family_of(name) != entry.family:
            raise CatalogInvalid(f"{entry.config_folder} holds a {name}, which is not of family {entry.family!r}")
    except CatalogInvalid as error:
        raise ModelLoadFailed(f"model {entry.name!r}: {error}") from error
    return getattr(diffusers, name)


def _from_folder(entry: ModelEntry, pipeline_class: Any, dtype: torch.dtype) -> DiffusionPipeline:
    for old, new in _RENAMED.items():
        setattr(transformers, old, getattr(transformers, new))
    options = _options(pipeline_class)
    return pipeline_class.from_pretrained(
        entry.source, dtype=dtype, variant=entry.variant, local_files_only=True, **options
    )


def _from_file(entry: ModelEntry, pipeline_class: Any, dtype: torch.dtype) -> DiffusionPipeline:
    """Load weights from the file and all else from the layout; files have no vocabulary."""
    layout = entry.config_folder
    tokenizers = {path.parent.name: clip_tokenizer(path.parent) for path in layout.glob("*/tokenizer_config.json")}
    reader = pipeline_class if hasattr(pipeline_class, "from_single_file") else StableDiffusionPipeline
    pipeline = reader.from_single_file(
        entry.source, config=str(layout), local_files_only=True, **tokenizers, **_options(reader)
    )
    for component in pipeline.components.values():
        if isinstance(component, nn.Module):
            _copy_weights(component, dtype)
    if reader is pipeline_class:
        return pipeline
    accepted = pipeline_class._get_signature_keys(pipeline_class)[0]
    return pipeline_class(**{name: pipeline.components.get(name) for name in accepted})


def _options(pipeline_class: Any) -> dict[str, bool]:
    """Return loading options: the SDXL pipelines add a watermark by default if `invisible_watermark` is installed."""
    return {"add_watermarker": False} if "add_watermarker" in signature(pipeline_class).parameters else {}


def _copy_weights(component: nn.Module, dtype: torch.dtype) -> None:
    """Copy the weights out of the memory-mapped file: unaligned weights give other last bits.

    Raises `NotImplementedError`, as diffusers does, for a weight that is missing in the file.
    """
    for tensor in (*component.parameters(), *component.buffers()):
        tensor.data = tensor.data.to("cpu", dtype if tensor.is_floating_point() else tensor.dtype, copy=True)


def _reason(error: Exception) -> str:
    if isinstance(error, NotImplementedError):  # a meta tensor cannot be copied
        return "some of its weights are missing; the file is incomplete or of another layout"
    return (str(error).strip() or type(error).__name__).splitlines()[0]
