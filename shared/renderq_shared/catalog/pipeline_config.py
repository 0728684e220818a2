"""A pipeline's configuration files → its family, tasks, native size and limits."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderq.contract import LIMITS, SCHEDULERS, ModelLimits, SamplingParams
from renderq_shared.errors import CatalogInvalid

_STABLE_DIFFUSION, _SDXL = "stable_diffusion", "sdxl"
GENERIC_FAMILY = "pipeline"

GENERIC_PIPELINES = (
    "AuraFlow",
    "Chroma",
    "CogView4",
    "Flux",
    "HunyuanDiT",
    "Kandinsky3",
    "Lumina",
    "Lumina2",
    "QwenImage",
    "Sana",
    "StableDiffusion3",
    "ZImage",
)
"""Text-to-image pipelines without a step loop of ours; `GenericPipeline` runs them as they are."""

GUIDANCE_DISTILLED = ("Flux", "QwenImage")
"""Guidance-distilled pipelines among them: a negative prompt has no effect without a second guidance scale."""

_FAMILIES: dict[str, str] = {
    **{f"StableDiffusion{kind}Pipeline": _STABLE_DIFFUSION for kind in ("", "Img2Img", "Inpaint")},
    **{f"StableDiffusion{kind}Pipeline": _STABLE_DIFFUSION for kind in ("Depth2Img", "Upscale")},
    **{f"StableDiffusionXL{kind}Pipeline": _SDXL for kind in ("", "Img2Img", "Inpaint")},
    **{f"{kind}Pipeline": GENERIC_FAMILY for kind in GENERIC_PIPELINES},
}
"""diffusers pipeline class, as `model_index.json` names it → family."""

_SAMPLING = {
    _STABLE_DIFFUSION: SamplingParams(steps=25, guidance_scale=7.5),
    _SDXL: SamplingParams(steps=30, guidance_scale=5.0),
    GENERIC_FAMILY: SamplingParams(steps=28, guidance_scale=4.0),
}
"""Family → default sampling parameters."""

_TASKS: dict[tuple[str, str], tuple[str, ...]] = {
    (_STABLE_DIFFUSION, "text"): ("txt2img", "img2img", "inpaint", "outpaint", "variation"),
    (_STABLE_DIFFUSION, "inpaint"): ("inpaint", "outpaint"),
    (_STABLE_DIFFUSION, "depth"): ("depth2img",),
    (_STABLE_DIFFUSION, "upscale"): ("upscale",),
    (_SDXL, "text"): ("txt2img", "img2img", "inpaint", "outpaint"),
    (_SDXL, "inpaint"): ("inpaint", "outpaint"),
}
"""Family and conditioning of the UNet → tasks."""

_CONDITIONINGS = {0: "text", 1: "depth", 3: "upscale"}
"""Extra input channels → conditioning; inpainting adds the masked latents and the mask."""

_GENERIC_SIZE = 1024
"""Most generic models are trained at one megapixel."""
_GENERIC_MULTIPLE, _MULTIPLES = 16, {"SanaPipeline": 32, "Kandinsky3Pipeline": 64}
"""Multiple of width and height in most generic pipelines, and the exceptions."""

_ORIGINAL_STEPS_SCHEDULERS = ("LCMScheduler", "TCDScheduler")
"""diffusers schedulers that choose their timesteps among those of the distillation."""
_ORIGINAL_STEPS = 50
"""Their default `original_inference_steps`."""
_RUNGE_KUTTA_STEPS = 4
"""Steps of the warm-up of `PNDMScheduler`, which `skip_prk_steps` turns off."""

_TEXT_LAYERS = 12
"""transformers' default `num_hidden_layers` of a text encoder."""
_NOISE_LEVEL = 350
"""Default `max_noise_level` of `StableDiffusionUpscalePipeline`."""
_UPSCALE_TILES = 4
"""Tiles per side of the largest upscaled image; an upscaler works in tiles, so its limit is this much larger."""


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """Facts that a pipeline's configuration states."""

    family: str
    tasks: tuple[str, ...]
    native_size: int
    """Width and height of the training images, in pixels."""
    limits: ModelLimits
    schedulers: tuple[str, ...] = ()
    """Schedulers that requests may choose."""
    has_depth_estimator: bool = False
    supports_negative_prompt: bool = True

    @property
    def sampling(self) -> SamplingParams:
        """Default sampling parameters of the family."""
        return _SAMPLING[self.family]


def inspect_pipeline(folder: Path) -> PipelineInfo:
    """Inspect the folder of a pipeline or layout. Raises `CatalogInvalid`."""
    index = read_json(folder / "model_index.json")
    name = str(index.get("_class_name"))
    family = family_of(name)
    if family == GENERIC_FAMILY:
        return _inspect_generic(folder, name)
    if family == _SDXL and index.get("text_encoder", [None])[0] is None:
        raise CatalogInvalid(f"{folder} has only one text encoder: a refiner makes no images by itself")
    unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
    conditioning = _conditioning(folder, unet, vae)
    tasks = _TASKS.get((family, conditioning))
    if tasks is None:
        raise CatalogInvalid(f"{folder} is a {conditioning} model of family {family}, which renderq has no task for")
    size, upscales = _native_size(folder, unet, vae), conditioning == "upscale"
    is_distilled = unet.get("time_cond_proj_dim") is not None  # takes the guidance scale as an input, in one pass
    return PipelineInfo(
        family,
        tasks,
        size,
        _square_limits(
            2 * size * (_UPSCALE_TILES if upscales else 1),
            size_multiple=4 if upscales else 8,
            max_clip_skip=_max_clip_skip(folder, family),
            max_guidance_rescale=0.0 if is_distilled else 1.0,
            max_noise_level=index.get("max_noise_level", _NOISE_LEVEL) if upscales else None,
            **_steps_limits(folder),
        ),
        schedulers=SCHEDULERS,
        has_depth_estimator=index.get("depth_estimator", [None])[0] is not None,
        supports_negative_prompt=not is_distilled,
    )


def family_of(pipeline_class: str) -> str:
    """Return the family of a diffusers pipeline class. Raises `CatalogInvalid`."""
    if pipeline_class not in _FAMILIES:
        raise CatalogInvalid(f"a {pipeline_class} is not supported; supported are {', '.join(sorted(_FAMILIES))}")
    return _FAMILIES[pipeline_class]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises `CatalogInvalid`."""
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogInvalid(
            f"{path} cannot be read ({error.strerror}); source must be the folder of a diffusers pipeline"
        ) from error
    except ValueError as error:
        raise CatalogInvalid(f"{path} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise CatalogInvalid(f"{path} must hold a JSON object")
    return parsed


def _conditioning(folder: Path, unet: dict[str, Any], vae: dict[str, Any]) -> str:
    inputs, latents = unet.get("in_channels", 4), vae.get("latent_channels", 4)
    conditioning = "inpaint" if inputs == 2 * latents + 1 else _CONDITIONINGS.get(inputs - latents)
    if conditioning is None:
        raise CatalogInvalid(
            f"{folder}: the UNet takes {inputs} channels where latents have {latents}; supported are models for "
            "text, inpainting, depth and upscaling"
        )
    return conditioning


def _max_clip_skip(folder: Path, family: str) -> int:
    """Return the layers of the smallest text encoder; SDXL always skips the last one, so it allows one less."""
    encoders = ("text_encoder", "text_encoder_2") if family == _SDXL else ("text_encoder",)
    configs = [read_json(folder / encoder / "config.json") for encoder in encoders]
    fewest = min(config.get("num_hidden_layers", _TEXT_LAYERS) for config in configs)
    return min(fewest - (family == _SDXL), LIMITS.clip_skip)


def _steps_limits(folder: Path) -> dict[str, Any]:
    """Return the limits of `steps` with the model's own scheduler, and with `lcm`."""
    path = folder / "scheduler" / "scheduler_config.json"
    config = read_json(path) if path.is_file() else {}
    own = config.get("_class_name")
    original_steps = min(config.get("original_inference_steps", _ORIGINAL_STEPS), LIMITS.steps)
    has_warm_up = own == "PNDMScheduler" and not config.get("skip_prk_steps", False)
    return {
        "min_steps": _RUNGE_KUTTA_STEPS if has_warm_up else 1,
        "max_steps": original_steps if own in _ORIGINAL_STEPS_SCHEDULERS else LIMITS.steps,
        "max_lcm_steps": original_steps,
    }


def _square_limits(max_side: int, **limits: Any) -> ModelLimits:
    return ModelLimits(max_side=max_side, max_pixels=max_side * max_side, **limits)


def _inspect_generic(folder: Path, name: str) -> PipelineInfo:
    size = _generic_native_size(folder)
    return PipelineInfo(
        GENERIC_FAMILY,
        ("txt2img",),
        size,
        _square_limits(2 * size, size_multiple=_MULTIPLES.get(name, _GENERIC_MULTIPLE)),
        supports_negative_prompt=name.removesuffix("Pipeline") not in GUIDANCE_DISTILLED,
    )


def _generic_native_size(folder: Path) -> int:
    """Return the size that the configuration states, else the usual one."""
    denoiser = next((part for part in ("transformer", "unet") if (folder / part / "config.json").is_file()), None)
    if denoiser is None:
        raise CatalogInvalid(f"{folder} has neither transformer nor unet; source must be the folder of a pipeline")
    sample = read_json(folder / denoiser / "config.json").get("sample_size")
    blocks = read_json(folder / "vae" / "config.json").get("block_out_channels")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        return _GENERIC_SIZE
    return sample * 2 ** (len(blocks) - 1)


def _native_size(folder: Path, unet: dict[str, Any], vae: dict[str, Any]) -> int:
    """Return the UNet's sample size times the autoencoder's scale factor."""
    blocks, sample = vae.get("block_out_channels"), unet.get("sample_size")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        raise CatalogInvalid(f"{folder} lacks unet sample_size or vae block_out_channels")
    return sample * 2 ** (len(blocks) - 1)
