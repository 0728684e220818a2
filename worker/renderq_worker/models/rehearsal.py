"""First calls of what was loaded without weights: a scheduler, a tokenizer, and the stock call of the whole pipeline.

They find configurations whose values fit the weights and not each other, such as the axes of a position embedding.
"""

import copy
import inspect
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from PIL import Image
from torch import nn

from renderq_shared.catalog import ModelEntry
from renderq_worker.models.assembly import assemble
from renderq_worker.models.errors import ModelLoadFailed, error_line
from renderq_worker.models.weightless import ValueUnknown, WeightlessMode

_PROMPT = "a lighthouse"
_STEPS = 2
"""Pipelines with an input image skip a part of the steps."""
_INPUT_SIDE = 64
"""Width and height of the input image of tasks with one, in pixels."""

_SIGNS_OF_MISSING_VALUES = ("meta", "must be on the same device")
"""Texts in errors of operations that need values, or some of whose values are on the CPU."""

_UNTRIED = ("AuraFlow", "CogView4", "Kandinsky3", "Lumina", "Lumina2", "Sana")
"""Pipelines of which no published configuration has been rehearsed, so that errors may not be those of the model."""


def rehearse_scheduler(path: Path, scheduler: Any, steps: int) -> None:
    """Take all steps of an image of four numbers. Raises `ModelLoadFailed` if they do not stay finite."""
    scheduler, sample = copy.deepcopy(scheduler), torch.full((1, 1, 2, 2), 0.5)
    scale = getattr(scheduler, "scale_model_input", lambda sample, _: sample)
    with warnings.catch_warnings(action="ignore"):
        scheduler.set_timesteps(steps, device="cpu", **_shift(scheduler))
        for timestep in scheduler.timesteps:
            sample = scheduler.step(0.5 * scale(sample, timestep), timestep, sample, return_dict=False)[0]
    if not bool(torch.isfinite(sample).all()):
        raise ModelLoadFailed(f"{path} describes a noise schedule that computes NaN or infinity")


def rehearse_tokenizer(path: Path, tokenizer: Any, vocabulary_size: int) -> None:
    """Tokenize a prompt. Raises `ModelLoadFailed` for tokens that the text encoder does not have."""
    tokens = tokenizer(_PROMPT, padding="max_length", max_length=8, truncation=True).input_ids
    largest = max(*tokens, tokenizer.vocab_size - 1)
    if largest >= vocabulary_size:
        raise ModelLoadFailed(
            f"{path} has token {largest}, and the text encoder {vocabulary_size} tokens; they are of different models"
        )


def rehearse_call(entry: ModelEntry, pipeline_class: Any, components: Mapping[str, Any]) -> None:
    """Render an image without values. Raises `ModelLoadFailed` where the stock call fails.

    A call that depends on values of weights is rehearsed up to there.
    """
    if pipeline_class.__name__.removesuffix("Pipeline") in _UNTRIED:
        return
    try:
        call_weightless(entry, pipeline_class, components)
    except ValueUnknown:
        return
    except Exception as error:
        if any(sign in str(error) for sign in _SIGNS_OF_MISSING_VALUES):
            return
        raise ModelLoadFailed(f"its components do not fit together: {error_line(error)}") from error


def call_weightless(
    entry: ModelEntry,
    pipeline_class: Any,
    components: Mapping[str, Any],
    mode: AbstractContextManager[object] | None = None,
    *,
    width: int | None = None,
    height: int | None = None,
) -> None:
    """Run the stock call without values, in the default size unless another one is given.

    `mode` is a mode of torch that is told of its operations. Raises what the call raises, and `ValueUnknown`.
    """
    with warnings.catch_warnings(action="ignore"), torch.no_grad(), WeightlessMode(), mode or nullcontext():
        pipeline: Any = _on_cpu(assemble(entry, pipeline_class, components))
        pipeline(**_arguments(entry, pipeline, width or entry.defaults.width, height or entry.defaults.height))


def _on_cpu(pipeline: Any) -> Any:
    """Let the pipeline make its own tensors on the CPU, not where its weights are."""
    for component in pipeline.components.values():
        if isinstance(component, nn.Module):
            module: Any = component
            module._hf_hook = SimpleNamespace(execution_device="cpu")  # where diffusers looks for the device
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _arguments(entry: ModelEntry, pipeline: Any, width: int, height: int) -> Mapping[str, Any]:
    image = Image.new("RGB", (_INPUT_SIDE, _INPUT_SIDE))
    arguments = {
        "prompt": _PROMPT,
        "image": image,
        "mask_image": image.convert("L"),
        "width": width,
        "height": height,
        "use_resolution_binning": False,
        "max_area": width * height,
        "num_inference_steps": max(entry.limits.min_steps, _STEPS),
        "output_type": "pt",
    }
    accepted = inspect.signature(pipeline.__call__).parameters
    return {name: value for name, value in arguments.items() if name in accepted}


def _shift(scheduler: Any) -> Mapping[str, float]:
    """Return the argument of schedulers that shift timesteps by the size of the image."""
    return {"mu": 1.0} if scheduler.config.get("use_dynamic_shifting") else {}
