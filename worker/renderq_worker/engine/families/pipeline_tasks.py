"""Tasks of a stock pipeline: the class that does each with the same components, and its arguments."""

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
import numpy as np
from PIL import Image

from renderq_shared.catalog.generic_pipelines import GENERIC_PIPELINES
from renderq_worker.engine.generation import GenerationSpec
from renderq_worker.engine.prepared_latents import MaskOverlay
from renderq_worker.engine.tasks.types import MASK_THRESHOLD, Edit, Img2Img, Inpaint, Mask, Pixels, Txt2Img, Variation


def pipelines_by_task(pipeline: Any) -> Mapping[type, Any]:
    """Return the pipelines of all tasks that this one can do, which share its components."""
    facts = GENERIC_PIPELINES.get(type(pipeline).__name__.removesuffix("Pipeline"))
    by_task: dict[type, Any] = {Txt2Img: pipeline}
    if facts is not None and facts.img2img is not None:
        by_task[Img2Img] = by_task[Variation] = _related(pipeline, facts.img2img)
    if facts is not None and facts.inpaint is not None:
        by_task[Inpaint] = _related(pipeline, facts.inpaint)
    if facts is not None and facts.max_images:
        by_task[Edit] = pipeline
    return by_task


def task_arguments(spec: GenerationSpec, block: int) -> dict[str, Any]:
    """Return the arguments that the task adds. `block` is the side of the part of an image that a latent stands for."""
    match spec.task:
        case Img2Img(image=image) | Variation(image=image):
            return {"image": _resize(image, spec), "strength": spec.task.strength}
        case Inpaint(image=image, mask=mask, strength=strength):
            blocks = Image.fromarray(_whole_blocks(_resize_mask(mask, spec), block))
            return {"image": _resize(image, spec), "mask_image": blocks, "strength": strength}
        case Edit(images=images):
            inputs = [Image.fromarray(image) for image in images]
            return {"image": inputs if len(inputs) > 1 else inputs[0]}  # not all pipelines take lists
        case _:
            return {}


def finish(pixels: np.ndarray, spec: GenerationSpec) -> np.ndarray:
    """Restore what the task keeps bit by bit."""
    if not isinstance(spec.task, Inpaint):
        return pixels
    image = np.asarray(_resize(spec.task.image, spec))
    return MaskOverlay(image, _resize_mask(spec.task.mask, spec)).apply(pixels)


def _related(pipeline: Any, name: str) -> Any:
    # `from_pipe` would cast weights that are kept in float32
    related_class: Any = getattr(diffusers, name)
    accepted = inspect.signature(related_class.__init__).parameters
    related = related_class(**{name: part for name, part in pipeline.components.items() if name in accepted})
    related.set_progress_bar_config(disable=True)
    return related


def _resize(image: Pixels, spec: GenerationSpec) -> Image.Image:
    """Resize to the size of the result as most stock pipelines do; others take an image of that size."""
    return Image.fromarray(image).resize((spec.width, spec.height), Image.Resampling.LANCZOS)


def _resize_mask(mask: Mask, spec: GenerationSpec) -> Mask:
    """Resize as for the families with a step loop of ours; see `PrepareContext.resize_mask`."""
    return np.asarray(Image.fromarray(mask).resize((spec.width, spec.height), Image.Resampling.BILINEAR))


def _whole_blocks(mask: Mask, block: int) -> Mask:
    """Return 255 in every block with a white pixel, else 0; stock pipelines look at one pixel of each block."""
    height, width = mask.shape
    blocks = mask.reshape(height // block, block, width // block, block).max((1, 3)) >= MASK_THRESHOLD
    return (np.kron(blocks, np.ones((block, block))) * 255).astype(np.uint8)
