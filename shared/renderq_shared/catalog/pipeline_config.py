"""A pipeline's configuration files → its family, tasks, native size and limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderq.contract import LIMITS, SCHEDULERS, ModelLimits, SamplingParams
from renderq_shared.catalog.config_values import ComponentConfig, read_config
from renderq_shared.catalog.distillation import distilled_sampling, is_distilled
from renderq_shared.catalog.generic_pipelines import GENERIC_PIPELINES
from renderq_shared.catalog.json_files import INDEX
from renderq_shared.catalog.nearest_pipelines import advice
from renderq_shared.catalog.noise_schedulers import own_schedules
from renderq_shared.catalog.pipeline_folder import components, read_index
from renderq_shared.errors import CatalogInvalid

_STABLE_DIFFUSION, _SDXL = "stable_diffusion", "sdxl"
GENERIC_FAMILY = "pipeline"

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
}
"""Family with a step loop of ours → default sampling parameters."""
_DISTILLED_STEPS = 4
"""Default steps of such models that were distilled to few steps, unless their names say otherwise."""

_TASKS: dict[tuple[str, str], tuple[str, ...]] = {
    (_STABLE_DIFFUSION, "text"): ("txt2img", "img2img", "inpaint", "outpaint", "variation"),
    (_STABLE_DIFFUSION, "inpaint"): ("inpaint", "outpaint"),
    (_STABLE_DIFFUSION, "depth"): ("depth2img",),
    (_STABLE_DIFFUSION, "upscale"): ("upscale",),
    (_SDXL, "text"): ("txt2img", "img2img", "inpaint", "outpaint", "variation"),
    (_SDXL, "inpaint"): ("inpaint", "outpaint"),
}
"""Family and conditioning of the UNet → tasks."""

_CONDITIONINGS = {0: "text", 1: "depth", 3: "upscale"}
"""Extra input channels → conditioning; inpainting adds the masked latents and the mask."""

_GENERIC_SIZE = 1024
"""Most generic models are trained at one megapixel."""

_MULTIPLE, _UPSCALE_MULTIPLE = 8, 4
"""Stock pipelines refuse other sizes; that of an upscaler is the input's. Autoencoders may need larger multiples."""

_MAX_BLOCKS, _MAX_SIZE = 8, 8192
"""Bounds of an autoencoder's blocks, and of the width of training images in pixels."""

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
    sampling: SamplingParams
    """Default sampling parameters."""
    schedulers: tuple[str, ...] = ()
    """Schedulers that requests may choose."""
    own_schedules: tuple[str, ...] = ()
    """Schedules of the model's own scheduler."""
    has_depth_estimator: bool = False
    supports_negative_prompt: bool = True


def inspect_pipeline(folder: Path, names: tuple[str, ...] = ()) -> PipelineInfo:
    """Inspect the folder of a pipeline or layout. Raises `CatalogInvalid`.

    `names` are those under which it was published; some models state only there that they were distilled to few steps.
    """
    index = read_index(folder)
    name = index.get("_class_name")
    if not isinstance(name, str):
        raise CatalogInvalid(
            f"{folder / INDEX} names no _class_name; source must be the folder of a diffusers pipeline"
        )
    family = family_of(name)
    if family == GENERIC_FAMILY:
        return _inspect_generic(folder, name.removesuffix("Pipeline"), (*names, *_own_names(index)))
    if family == _SDXL and not _has_component(index, "text_encoder"):
        raise CatalogInvalid(f"{folder} has only one text encoder: a refiner makes no images by itself")
    unet, vae = (_config_of(folder, part) for part in ("unet", "vae"))
    conditioning = _conditioning(folder, unet, vae)
    tasks = _TASKS.get((family, conditioning))
    if tasks is None:
        raise CatalogInvalid(f"{folder} is a {conditioning} model of family {family}, which renderq has no task for")
    text_encoders = _text_encoders(folder, family)
    _check_text_encoders(folder, text_encoders, unet)
    size, upscales = _native_size(folder, unet, vae), conditioning == "upscale"
    scale_factor = size // unet["sample_size"]
    embeds_guidance = unet.get("time_cond_proj_dim") is not None  # takes the guidance scale as an input, in one pass
    scheduler, sampling = _scheduler(folder), _SAMPLING[family]
    names = (*names, *_own_names(index), *_own_names(unet))
    if embeds_guidance or is_distilled(names, scheduler.get("_class_name")):
        sampling = distilled_sampling(names, sampling, steps=_DISTILLED_STEPS, embeds_guidance=embeds_guidance)
    return PipelineInfo(
        family,
        tasks,
        size,
        _square_limits(
            2 * size * (_UPSCALE_TILES if upscales else 1),
            size_multiple=_UPSCALE_MULTIPLE if upscales else max(_MULTIPLE, scale_factor),
            max_clip_skip=_max_clip_skip(text_encoders, family),
            max_guidance_rescale=0.0 if embeds_guidance else 1.0,
            max_noise_level=index.whole_number("max_noise_level", _NOISE_LEVEL) if upscales else None,
            **_steps_limits(scheduler),
        ),
        sampling,
        schedulers=SCHEDULERS,
        own_schedules=own_schedules(scheduler),
        has_depth_estimator=_has_component(index, "depth_estimator"),
        supports_negative_prompt=not embeds_guidance,
    )


def family_of(pipeline_class: str) -> str:
    """Return the family of a diffusers pipeline class. Raises `CatalogInvalid`."""
    if pipeline_class not in _FAMILIES:
        raise CatalogInvalid(f"a {pipeline_class} is not supported; {advice(pipeline_class, _FAMILIES)}")
    return _FAMILIES[pipeline_class]


def _conditioning(folder: Path, unet: ComponentConfig, vae: ComponentConfig) -> str:
    inputs, latents = unet.whole_number("in_channels", 4), vae.whole_number("latent_channels", 4)
    conditioning = "inpaint" if inputs == 2 * latents + 1 else _CONDITIONINGS.get(inputs - latents)
    if conditioning is None:
        raise CatalogInvalid(
            f"{folder}: the UNet takes {inputs} channels where latents have {latents}; supported are models for "
            "text, inpainting, depth and upscaling"
        )
    return conditioning


def _check_text_encoders(folder: Path, configs: Sequence[Mapping[str, Any]], unet: Mapping[str, Any]) -> None:
    """Raise `CatalogInvalid` if the UNet was trained with text encoders of other widths, as far as that is stated."""
    expected = unet.get("cross_attention_dim")
    widths = [width for config in configs if isinstance(width := config.get("hidden_size"), int)]
    is_stated = unet.get("encoder_hid_dim") is None and isinstance(expected, int) and len(widths) == len(configs)
    if is_stated and sum(widths) != expected:
        raise CatalogInvalid(
            f"{folder}: the UNet expects prompts {expected} wide, and the text encoders make them {sum(widths)} wide; "
            "they are of different models"
        )


def _text_encoders(folder: Path, family: str) -> list[ComponentConfig]:
    """Return the configurations of the text encoders."""
    encoders = ("text_encoder", "text_encoder_2") if family == _SDXL else ("text_encoder",)
    return [_config_of(folder, encoder) for encoder in encoders]


def _max_clip_skip(configs: Sequence[ComponentConfig], family: str) -> int:
    """Return the layers of the smallest text encoder; SDXL always skips the last one, so it allows one less."""
    fewest = min(config.whole_number("num_hidden_layers", _TEXT_LAYERS) for config in configs)
    return min(fewest - (family == _SDXL), LIMITS.clip_skip)


def _config_of(folder: Path, component: str) -> ComponentConfig:
    path = folder / component / "config.json"
    if not path.is_file():
        raise CatalogInvalid(f"{folder} has no {component}/config.json; download the model again")
    return read_config(path)


def _has_component(index: Mapping[str, Any], name: str) -> bool:
    library, _ = components(index).get(name, (None, None))
    return library is not None


def _own_names(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name of the model that this configuration was loaded from, if it states one."""
    name = str(config.get("_name_or_path") or "")
    return (Path(name).name,) if name else ()


def _scheduler(folder: Path) -> ComponentConfig:
    path = folder / "scheduler" / "scheduler_config.json"
    return read_config(path) if path.is_file() else ComponentConfig(path, {})


def _steps_limits(config: ComponentConfig) -> dict[str, Any]:
    """Return the limits of `steps` with the model's own scheduler, of this configuration, and with `lcm` and `tcd`."""
    own = config.get("_class_name")
    original_steps = min(config.whole_number("original_inference_steps", _ORIGINAL_STEPS), LIMITS.steps)
    has_warm_up = own == "PNDMScheduler" and not config.get("skip_prk_steps", False)
    return {
        "min_steps": _RUNGE_KUTTA_STEPS if has_warm_up else 1,
        "max_steps": original_steps if own in _ORIGINAL_STEPS_SCHEDULERS else LIMITS.steps,
        "max_lcm_steps": original_steps,
    }


def _square_limits(max_side: int, **limits: Any) -> ModelLimits:
    return ModelLimits(max_side=max_side, max_pixels=max_side * max_side, **limits)


def _inspect_generic(folder: Path, kind: str, names: tuple[str, ...]) -> PipelineInfo:
    denoiser = next((part for part in ("transformer", "unet") if (folder / part / "config.json").is_file()), None)
    if denoiser is None:
        raise CatalogInvalid(f"{folder} has neither transformer nor unet; source must be the folder of a pipeline")
    config, scheduler, facts = _config_of(folder, denoiser), _scheduler(folder), GENERIC_PIPELINES[kind]
    embeds_guidance = facts.may_embed_guidance and bool(config.get("guidance_embeds", False))
    sampling = SamplingParams(steps=facts.steps, guidance_scale=facts.guidance_scale)
    is_schnell = kind == "Flux" and not embeds_guidance and not scheduler.get("use_dynamic_shifting", False)
    is_marked = bool(read_index(folder).get("is_distilled", False))  # by Flux.2 Klein
    names = (*names, *_own_names(config))
    if is_schnell or is_marked or is_distilled(names, scheduler.get("_class_name")):
        sampling = distilled_sampling(names, sampling, steps=facts.distilled_steps, embeds_guidance=embeds_guidance)
    size = _generic_native_size(folder, config)
    return PipelineInfo(
        GENERIC_FAMILY,
        facts.tasks,
        size,
        _square_limits(2 * size, size_multiple=facts.size_multiple, max_images=facts.max_images),
        sampling,
        own_schedules=() if facts.sets_timesteps else own_schedules(scheduler),
        supports_negative_prompt=facts.reads_negative_prompt and not embeds_guidance,
    )


def _generic_native_size(folder: Path, denoiser: ComponentConfig) -> int:
    """Return the size that the configuration states, else the usual one."""
    path = folder / "vae" / "config.json"
    vae = read_config(path) if path.is_file() else {}
    blocks = vae.get("block_out_channels") or vae.get("encoder_block_out_channels")
    sample = denoiser.get("sample_size")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        return _GENERIC_SIZE
    return _trained_size(folder, sample, len(blocks))


def _native_size(folder: Path, unet: ComponentConfig, vae: ComponentConfig) -> int:
    """Return the UNet's sample size times the autoencoder's scale factor."""
    blocks, sample = vae.get("block_out_channels"), unet.get("sample_size")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        raise CatalogInvalid(f"{folder} lacks unet sample_size or vae block_out_channels")
    return _trained_size(folder, sample, len(blocks))


def _trained_size(folder: Path, sample: int, blocks: int) -> int:
    """Return the sample size times the autoencoder's scale factor, in pixels. Raises `CatalogInvalid`."""
    if not 1 <= blocks <= _MAX_BLOCKS or (size := sample * 2 ** (blocks - 1)) > _MAX_SIZE:
        raise CatalogInvalid(
            f"{folder}: its sample_size is {sample} and its autoencoder has {blocks} blocks, expected at most "
            f"{_MAX_BLOCKS} blocks and images of {_MAX_SIZE} pixels"
        )
    return size
