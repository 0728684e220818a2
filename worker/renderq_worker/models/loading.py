"""Reading a diffusers pipeline from a folder. Nothing here runs code from a checkpoint or asks the network."""

import json
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from renderq_shared.catalog import ModelEntry
from renderq_worker.models.errors import ModelLoadFailed

_CLASSES = ("StableDiffusionPipeline", "StableDiffusionInpaintPipeline")


def load_stable_diffusion(entry: ModelEntry, device: torch.device, dtype: torch.dtype) -> StableDiffusionPipeline:
    """The pipeline in the folder `entry.source`, in evaluation mode on `device`.

    safetensors are preferred; pickled weights are read with `weights_only`, and components that bring their own code
    are refused, both by diffusers' defaults. Raises `ModelLoadFailed`; running out of memory raises as it is.
    """
    pipeline_class = _pipeline_class(entry)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # the allocator keeps what models that left had
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        pipeline = pipeline_class.from_pretrained(entry.source, dtype=dtype, local_files_only=True)
        pipeline.to(device)
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:
        raise ModelLoadFailed(
            f"model {entry.name!r} cannot be loaded from {entry.source}: {_first_line(error)}; "
            "check that the folder is a complete diffusers pipeline"
        ) from error
    return pipeline


def _pipeline_class(entry: ModelEntry) -> Any:
    index = Path(entry.source) / "model_index.json"
    try:
        name = json.loads(index.read_text(encoding="utf-8"))["_class_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelLoadFailed(
            f"model {entry.name!r}: {index} cannot be read ({_first_line(error)}); "
            "source must be the folder of a diffusers pipeline"
        ) from error
    if name not in _CLASSES:
        raise ModelLoadFailed(
            f"model {entry.name!r}: {entry.source} holds a {name}, "
            f"family {entry.family!r} needs a StableDiffusionPipeline"
        )
    return getattr(diffusers, name)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
