"""Loading of diffusers pipelines from folders and single files, without running their code and without network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_config import family_of
from renderq_shared.catalog.pipeline_folder import read_index
from renderq_shared.errors import CatalogInvalid, CheckpointUnreadable
from renderq_worker.devices import is_out_of_memory
from renderq_worker.models.assembly import limit_tokens, options, required_components
from renderq_worker.models.dry_load import dry_load
from renderq_worker.models.errors import ModelLoadFailed, error_line
from renderq_worker.models.file_states import unchanged
from renderq_worker.models.lora_check import check_loras
from renderq_worker.models.rehearsal import rehearse_call
from renderq_worker.models.single_file import dry_load_file, load_single_file
from renderq_worker.models.textual_inversions import add_textual_inversions
from renderq_worker.models.weight_files import present_components
from renderq_worker.models.weight_values import check_values


def load_pipeline(entry: ModelEntry, device: torch.device, dtype: torch.dtype) -> DiffusionPipeline:
    """Load the pipeline of this entry, of the class in its configuration, in evaluation mode on `device`.

    safetensors are preferred; pickled weights are read with `weights_only`, and components with code of their own are
    rejected, both by diffusers' defaults. Raises `ModelLoadFailed`, or the original error when memory is exhausted.
    """
    pipeline_class = _pipeline_class(entry)
    silence_libraries()
    check_loadable(entry)
    try:
        # inference tensors use other kernels, with other last bits
        with unchanged(Path(entry.source)), torch.inference_mode(mode=False):
            load = load_single_file if entry.layout else _from_folder
            pipeline = load(entry, pipeline_class, dtype)
            add_textual_inversions(entry, pipeline)
            pipeline.to(device)
            check_values(pipeline.components)
            limit_tokens(pipeline)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelLoadFailed(
            f"model {entry.name!r} cannot be loaded from {entry.source}: {error_line(error)}"
        ) from error
    return pipeline


def check_loadable(entry: ModelEntry) -> None:
    """Find out without weights whether the entry can be loaded. Raises `ModelLoadFailed`."""
    _dry_load(entry, _pipeline_class(entry))


def check_startable(entry: ModelEntry) -> None:
    """Find out the same without reading the tokenizers of a folder, which takes longer than all else."""
    pipeline_class = _pipeline_class(entry)
    check_loras(entry, pipeline_class, _dry_load(entry, pipeline_class, with_tokenizers=False))


def rehearse(entry: ModelEntry) -> None:
    """Find out without weights whether the entry can be loaded and renders. Raises `ModelLoadFailed`."""
    weightless = load_weightless(entry)
    if weightless is None:
        return
    try:
        rehearse_call(entry, *weightless)
    except ModelLoadFailed as error:
        raise ModelLoadFailed(f"model {entry.name!r}: {error}") from error
    check_loras(entry, *weightless)  # adds layers to the components


def load_weightless(entry: ModelEntry) -> tuple[Any, Mapping[str, Any]] | None:
    """Return the pipeline class and its components without weights, in float32; None for a quantized model.

    Raises `ModelLoadFailed`.
    """
    pipeline_class = _pipeline_class(entry)
    components = _dry_load(entry, pipeline_class)
    return None if None in components.values() else (pipeline_class, components)


def silence_libraries() -> None:
    """Turn off the messages of diffusers and transformers; everything relevant is checked and reported here."""
    for logging in (diffusers_logging, transformers_logging):
        logging.disable_progress_bar()
        logging.set_verbosity_error()


def _pipeline_class(entry: ModelEntry) -> Any:
    """Return the pipeline class. Raises `ModelLoadFailed` if the configuration is of another family."""
    try:
        name = str(read_index(entry.config_folder).get("_class_name"))
        if family_of(name) != entry.family:
            raise CatalogInvalid(f"{entry.config_folder} holds a {name}, which is not of family {entry.family!r}")
    except CatalogInvalid as error:
        raise ModelLoadFailed(f"model {entry.name!r}: {error}") from error
    return getattr(diffusers, name)


def _dry_load(entry: ModelEntry, pipeline_class: Any, *, with_tokenizers: bool = True) -> Mapping[str, Any]:
    """Return the components without weights, by name."""
    try:
        if entry.layout:
            return dry_load_file(entry)
        return dry_load(entry, pipeline_class, with_tokenizers=with_tokenizers)
    except (CatalogInvalid, CheckpointUnreadable, ModelLoadFailed) as error:
        raise ModelLoadFailed(f"model {entry.name!r}: {error}") from error


def _from_folder(entry: ModelEntry, pipeline_class: Any, dtype: torch.dtype) -> DiffusionPipeline:
    present = present_components(entry)
    absent = [name for name in required_components(pipeline_class) if name not in present]
    return pipeline_class.from_pretrained(
        entry.source,
        dtype=dtype,
        variant=entry.variant,
        local_files_only=True,
        **dict.fromkeys((*entry.without, *absent)),
        **options(pipeline_class),
    )
