"""Offload: each component's weights are on the device only while in use.

accelerate calls a hook before a component's `forward`. diffusers calls the same hook before an autoencoder's `encode`
and `decode`, and takes the device of a pipeline from it.
"""

from typing import Any

from accelerate.hooks import ModelHook, add_hook_to_module
from accelerate.utils import send_to_device
from diffusers import DiffusionPipeline
from torch import nn

from renderq_shared.catalog import ModelEntry
from renderq_worker.models.loading import load_pipeline
from renderq_worker.models.placement import Placement


class OffloadHook(ModelHook):
    """Hook that moves a component to the device before it is used."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self.execution_device = placement.device.torch

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        self._placement.activate(module)
        return send_to_device(args, self.execution_device), send_to_device(kwargs, self.execution_device)


def load_placed(entry: ModelEntry, placement: Placement) -> DiffusionPipeline:
    """Load a pipeline with its weights placed by the model's memory mode. Raises as `load_pipeline`."""
    pipeline = load_pipeline(entry, placement.load_device(entry), placement.dtype_of(entry))
    for component in pipeline.components.values():
        if not isinstance(component, nn.Module):
            continue
        if placement.mode_of(entry) == "low":
            add_hook_to_module(component, OffloadHook(placement))
        else:
            placement.device.load(component)
    return pipeline
