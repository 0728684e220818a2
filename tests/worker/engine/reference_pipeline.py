"""Reference images: those of diffusers' own pipelines for the same components and request."""

import copy
from functools import cache
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import (
    DiffusionPipeline,
    StableDiffusionDepth2ImgPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionUpscalePipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)

from renderq.contract.requests import VARIATION_STRENGTH
from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import (
    Depth2Img,
    GenerationSpec,
    Img2Img,
    Inpaint,
    Pixels,
    Txt2Img,
    Upscale,
    Variation,
)

SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim": ("DDIMScheduler", {}),
    "ddpm": ("DDPMScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "plms": ("PNDMScheduler", {"skip_prk_steps": True}),
    "lms": ("LMSDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "dpmpp_2m_karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}),
    "dpmpp_3m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 3}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm2": ("KDPM2DiscreteScheduler", {}),
    "dpm2_a": ("KDPM2AncestralDiscreteScheduler", {}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
}
"""The same schedulers as a user of diffusers chooses them."""

SCHEDULES: dict[str | None, dict[str, Any]] = {
    None: {},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "beta": {"use_beta_sigmas": True},
    "trailing": {"timestep_spacing": "trailing"},
}
"""The same schedules as a user of diffusers chooses them."""

_XL: dict[type[Any], type[Any]] = {
    StableDiffusionPipeline: StableDiffusionXLPipeline,
    StableDiffusionImg2ImgPipeline: StableDiffusionXLImg2ImgPipeline,
    StableDiffusionInpaintPipeline: StableDiffusionXLInpaintPipeline,
}


def reference_pixels(entry: ModelEntry, request: GenerationSpec, **changes: Any) -> Pixels:
    """Render uint8 [height, width, 3]; `changes` override arguments of the pipeline's call."""
    return reference_pixels_of(load_reference(entry), request, **changes)


def reference_pixels_of(pipeline: DiffusionPipeline, request: GenerationSpec, **changes: Any) -> Pixels:
    """Render with the components of this pipeline, which is not modified."""
    stock_class, arguments = _call(request)
    components = {
        **pipeline.components,
        "scheduler": _scheduler(pipeline, request.sampling.scheduler, request.sampling.schedule),
    }
    if "text_encoder_2" in components:
        stock_class = _XL[stock_class]
    elif stock_class is not StableDiffusionDepth2ImgPipeline and stock_class is not StableDiffusionUpscalePipeline:
        components["requires_safety_checker"] = False
    reference = stock_class(**components)
    reference.set_progress_bar_config(disable=True)
    if isinstance(request.task, Inpaint):
        _repaint_whole_blocks(reference)
    [image] = reference(
        request.prompt,
        negative_prompt=request.negative_prompt or None,
        num_inference_steps=request.sampling.steps,
        guidance_scale=request.sampling.guidance_scale,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="np",
        **arguments | changes,
    ).images
    return (image * 255).round().astype(np.uint8)


@cache
def load_reference(entry: ModelEntry) -> DiffusionPipeline:
    return DiffusionPipeline.from_pretrained(entry.source, dtype=getattr(torch, entry.dtype))


def _repaint_whole_blocks(pipeline: Any) -> None:
    """Make the latent mask cover every block with a white pixel; stock pipelines look at its upper left pixel alone."""
    prepare = pipeline.prepare_mask_latents

    def prepare_grown(mask: torch.Tensor, *arguments: Any) -> Any:
        factor = pipeline.vae_scale_factor
        blocks = mask.unflatten(2, (-1, factor)).unflatten(4, (-1, factor)).amax((3, 5))
        return prepare(blocks.repeat_interleave(factor, 2).repeat_interleave(factor, 3), *arguments)

    pipeline.prepare_mask_latents = prepare_grown


def _scheduler(pipeline: Any, name: str | None, schedule: str | None) -> Any:
    if name is None and schedule is None:
        return copy.deepcopy(pipeline.scheduler)
    diffusers_class, changes = SCHEDULERS[name] if name else (type(pipeline.scheduler).__name__, {})
    config = pipeline.scheduler.config
    return getattr(diffusers, diffusers_class).from_config(config, **changes, **SCHEDULES[schedule])


def _call(request: GenerationSpec) -> tuple[type[Any], dict[str, Any]]:
    """Return the stock pipeline and its arguments for this task."""
    size = {"width": request.width, "height": request.height}
    match request.task:
        case Txt2Img():
            return StableDiffusionPipeline, {**size, "guidance_rescale": request.sampling.guidance_rescale}
        case Img2Img(image, strength):
            return StableDiffusionImg2ImgPipeline, {"image": tensor(image), "strength": strength}
        case Variation(image):
            return StableDiffusionImg2ImgPipeline, {"image": tensor(image), "strength": VARIATION_STRENGTH}
        case Inpaint(image, mask, strength):
            inputs = {"image": tensor(image), "mask_image": tensor(mask[..., None])[0]}
            return StableDiffusionInpaintPipeline, {**size, **inputs, "strength": strength}
        case Depth2Img(image, depth_map, strength):
            depth = None if depth_map is None else torch.tensor(depth_map)[None]
            inputs = {"image": tensor(image), "depth_map": depth}
            return StableDiffusionDepth2ImgPipeline, {**inputs, "strength": strength}
        case Upscale(image, noise_level):
            return StableDiffusionUpscalePipeline, {"image": tensor(image), "noise_level": noise_level}


def tensor(image: Pixels) -> torch.Tensor:
    """Return [1, channels, height, width] within [0, 1], contiguous, unlike the pipelines with a PIL image."""
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous()


def pipeline_pixels(pipeline: Any, request: GenerationSpec, **arguments: Any) -> np.ndarray:
    """Pixels of the call of any pipeline with a scheduler of its own, given these further arguments."""
    shell: Any = copy.copy(pipeline)
    scheduler = shell.scheduler
    shell.scheduler = type(scheduler).from_config(scheduler.config, **SCHEDULES[request.sampling.schedule])
    shell.set_progress_bar_config(disable=True)
    [image] = shell(
        prompt=request.prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.sampling.steps,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="np",
        **arguments,
    ).images
    return (image * 255).round().astype(np.uint8)
