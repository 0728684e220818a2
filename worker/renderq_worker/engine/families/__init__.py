"""Model families, with the arithmetic of each.

family             interface to the runner
stable_diffusion   Stable Diffusion 1.x and 2.x
sdxl               Stable Diffusion XL
generic_pipeline   any other diffusers pipeline, run through its own `__call__`
pipeline_arguments the arguments of that call
pipeline_tasks     the classes that do a task with the same components
pipeline_preview   prediction of its final latents
pipeline_run       one image in that call
steppable_call     a call that pauses at the denoiser and after each step
rendezvous         denoiser at which the calls of several images meet
denoiser_call      one call of a denoiser, and several joined
encoded_prompts    results of a stock pipeline's `encode_prompt`, for images with the same prompts
prompts            prompts to embeddings, one text encoder
prompt_encoding    passes of the text encoder and their progress
token_chunks       tokens of a prompt, split into chunks
sdxl_prompts       the same with two text encoders
lora_adapters      LoRAs as adapters of a pipeline
latent_preview     latents to a small image
"""

from typing import Any

from renderq_shared.catalog import ModelEntry
from renderq_worker.devices import open_device
from renderq_worker.engine.families.family import Family
from renderq_worker.engine.families.generic_pipeline import GenericPipeline
from renderq_worker.engine.families.pipeline_run import PipelineRun
from renderq_worker.engine.families.prompt_encoding import PromptEncoding
from renderq_worker.engine.families.sdxl import StableDiffusionXL
from renderq_worker.engine.families.stable_diffusion import StableDiffusion
from renderq_worker.engine.settings import EngineSettings
from renderq_worker.models import ModelLoadFailed, Placement

__all__ = [
    "Family",
    "GenericPipeline",
    "PipelineRun",
    "PromptEncoding",
    "StableDiffusion",
    "StableDiffusionXL",
    "load_family",
    "placement_of",
]

_FAMILIES = {"stable_diffusion": StableDiffusion, "sdxl": StableDiffusionXL, "pipeline": GenericPipeline}


def load_family(entry: ModelEntry, settings: EngineSettings, placement: Placement | None = None) -> Family[Any]:
    """Load a model of the catalog; without a placement, as an engine with these settings would.

    Raises `ModelLoadFailed`.
    """
    family = _FAMILIES.get(entry.family)
    if family is None:
        raise ModelLoadFailed(f"model {entry.name!r}: family {entry.family!r} is not one of {', '.join(_FAMILIES)}")
    return family.load(
        entry,
        placement or placement_of(settings),
        exact=settings.batching == "exact",
        lora_memory_bytes=settings.lora_memory_bytes,
    )


def placement_of(settings: EngineSettings) -> Placement:
    """Return the placement for these settings. Raises torch's errors for an unknown or missing device."""
    return Placement(
        open_device(settings.device, settings.device_memory_bytes),
        dtype=settings.dtype,
        mode=settings.memory_mode,
        budget_bytes=settings.memory_budget_bytes,
    )
