"""Dispatch from UNet variant and task to the function that prepares the latents."""

from collections.abc import Callable, Mapping
from typing import Any

from renderq_worker.engine.errors import TaskUnsupported
from renderq_worker.engine.prepared_latents import PreparedLatents
from renderq_worker.engine.tasks.depth2img import depth2img
from renderq_worker.engine.tasks.img2img import img2img
from renderq_worker.engine.tasks.inpaint import inpaint_by_blending, inpaint_by_channels
from renderq_worker.engine.tasks.prepare_context import PrepareContext
from renderq_worker.engine.tasks.txt2img import txt2img
from renderq_worker.engine.tasks.types import Depth2Img, Img2Img, Inpaint, Txt2Img, Upscale, Variation
from renderq_worker.engine.tasks.unet_variant import UNetVariant
from renderq_worker.engine.tasks.upscale import upscale

_PREPARERS: Mapping[UNetVariant, Mapping[type, Callable[[Any, PrepareContext], PreparedLatents]]] = {
    UNetVariant.TEXT: {Txt2Img: txt2img, Img2Img: img2img, Inpaint: inpaint_by_blending, Variation: img2img},
    UNetVariant.INPAINT: {Inpaint: inpaint_by_channels},
    UNetVariant.DEPTH: {Depth2Img: depth2img},
    UNetVariant.UPSCALE: {Upscale: upscale},
}
"""UNet variant → task → function that prepares its latents."""


def prepare_latents(variant: UNetVariant, context: PrepareContext) -> PreparedLatents:
    """Prepare the latents, drawing from the image's generator in the stock pipelines' order.

    Raises `TaskUnsupported`, `StrengthTooLow`, `DepthMapMissing` or `NoiseLevelTooHigh`.
    """
    spec, preparers = context.spec, _PREPARERS[variant]
    prepare = preparers.get(type(spec.task))
    if prepare is None:
        raise TaskUnsupported(
            f"model {spec.model!r} has a UNet for {variant}: it supports "
            f"{', '.join(task.__name__.lower() for task in preparers)}, not {type(spec.task).__name__.lower()}"
        )
    return prepare(spec.task, context)
