"""From a pipeline's configuration files to its family, its tasks and its native size."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderq.contract import LIMITS, SCHEDULERS
from renderq_shared.errors import CatalogInvalid

_STABLE_DIFFUSION, _SDXL, _WHOLE = "stable_diffusion", "sdxl", "pipeline"

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
"""Pipelines from words to a picture that are run whole."""

GUIDANCE_DISTILLED = ("Flux", "QwenImage")
"""Those of them that were distilled for guidance: they heed a negative prompt only beside a second scale."""

_FAMILIES: dict[str, str] = {
    **{f"StableDiffusion{kind}Pipeline": _STABLE_DIFFUSION for kind in ("", "Img2Img", "Inpaint")},
    **{f"StableDiffusion{kind}Pipeline": _STABLE_DIFFUSION for kind in ("Depth2Img", "Upscale")},
    **{f"StableDiffusionXL{kind}Pipeline": _SDXL for kind in ("", "Img2Img", "Inpaint")},
    **{f"{kind}Pipeline": _WHOLE for kind in GENERIC_PIPELINES},
}
"""diffusers pipeline class, as `model_index.json` names it → our family."""

_TASKS: dict[tuple[str, str], tuple[str, ...]] = {
    (_STABLE_DIFFUSION, "text"): ("txt2img", "img2img", "inpaint", "outpaint", "variation"),
    (_STABLE_DIFFUSION, "inpaint"): ("inpaint", "outpaint"),
    (_STABLE_DIFFUSION, "depth"): ("depth2img",),
    (_STABLE_DIFFUSION, "upscale"): ("upscale",),
    (_SDXL, "text"): ("txt2img", "img2img", "inpaint", "outpaint"),
    (_SDXL, "inpaint"): ("inpaint", "outpaint"),
}
"""Family and what the UNet takes besides the latents → tasks that it is made for."""

_CONDITIONING = {0: "text", 1: "depth", 3: "upscale"}
"""Input channels beyond the latents → what they carry; inpainting adds the masked latents and the mask."""


_WHOLE_SIDE = 1024

_WHOLE_MULTIPLE, _MULTIPLES = 16, {"SanaPipeline": 32, "Kandinsky3Pipeline": 64}
"""What their pipelines want sides to be multiples of, nearly all of them, and the others."""

_TEXT_LAYERS = 12
"""Of the text encoders whose configuration does not say, transformers' own default."""
_NOISE_LEVEL = 350
"""`max_noise_level` of `StableDiffusionUpscalePipeline` where nothing is said."""
_TILES = 4
"""An upscaler works in tiles: along each side it takes so many times what others take."""


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """What the configuration says."""

    family: str
    tasks: tuple[str, ...]
    native_size: int
    """Trained width and height in pixels."""
    max_side: int
    """Up to which width and height results are still worth having."""
    size_multiple: int
    """Of which sides that are asked for must be multiples."""
    schedulers: tuple[str, ...] = ()
    """Samplers that may be chosen."""
    max_clip_skip: int = 0
    max_guidance_rescale: float = 0.0
    max_noise_level: int | None = None
    has_depth_estimator: bool = False
    supports_negative_prompt: bool = True


def inspect_pipeline(folder: Path) -> PipelineInfo:
    """Raises `CatalogInvalid`."""
    index = read_json(folder / "model_index.json")
    name = str(index.get("_class_name"))
    family = family_of(name)
    if family == _WHOLE:
        return _whole(folder, name)
    if family == _SDXL and index.get("text_encoder", [None])[0] is None:
        raise CatalogInvalid(f"{folder} has one text encoder only: a refiner makes no pictures by itself")
    unet, vae = (read_json(folder / part / "config.json") for part in ("unet", "vae"))
    conditioning = _conditioning(folder, unet, vae)
    tasks = _TASKS.get((family, conditioning))
    if tasks is None:
        raise CatalogInvalid(f"{folder} is a {conditioning} model of family {family}, which renderq has no task for")
    side, upscales = _native_side(folder, unet, vae), conditioning == "upscale"
    is_distilled = unet.get("time_cond_proj_dim") is not None  # takes the guidance scale as a number, in one pass
    return PipelineInfo(
        family,
        tasks,
        side,
        max_side=2 * side * (_TILES if upscales else 1),
        size_multiple=4 if upscales else 8,
        schedulers=SCHEDULERS,
        max_clip_skip=_max_clip_skip(folder, family),
        max_guidance_rescale=0.0 if is_distilled else 1.0,
        max_noise_level=index.get("max_noise_level", _NOISE_LEVEL) if upscales else None,
        has_depth_estimator=index.get("depth_estimator", [None])[0] is not None,
        supports_negative_prompt=not is_distilled,
    )


def family_of(pipeline_class: str) -> str:
    """Raises `CatalogInvalid`."""
    if pipeline_class not in _FAMILIES:
        raise CatalogInvalid(f"a {pipeline_class} cannot be served; supported are {', '.join(sorted(_FAMILIES))}")
    return _FAMILIES[pipeline_class]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `CatalogInvalid`."""
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
    taken, latent = unet.get("in_channels", 4), vae.get("latent_channels", 4)
    conditioning = "inpaint" if taken == 2 * latent + 1 else _CONDITIONING.get(taken - latent)
    if conditioning is None:
        raise CatalogInvalid(
            f"{folder}: the UNet takes {taken} channels where latents have {latent}; known are models for text, "
            "inpainting, depth and upscaling"
        )
    return conditioning


def _max_clip_skip(folder: Path, family: str) -> int:
    """SDXL takes the last layer but one by itself, so one less can be left out, of the smaller encoder."""
    encoders = ("text_encoder", "text_encoder_2") if family == _SDXL else ("text_encoder",)
    configurations = [read_json(folder / encoder / "config.json") for encoder in encoders]
    fewest = min(configuration.get("num_hidden_layers", _TEXT_LAYERS) for configuration in configurations)
    return min(fewest - (family == _SDXL), LIMITS.clip_skip)


def _whole(folder: Path, name: str) -> PipelineInfo:
    side = _side_of_whole(folder)
    return PipelineInfo(
        _WHOLE,
        ("txt2img",),
        side,
        max_side=2 * side,
        size_multiple=_MULTIPLES.get(name, _WHOLE_MULTIPLE),
        supports_negative_prompt=name.removesuffix("Pipeline") not in GUIDANCE_DISTILLED,
    )


def _side_of_whole(folder: Path) -> int:
    """As far as the configuration tells; most of these models are trained for a megapixel."""
    denoiser = next((part for part in ("transformer", "unet") if (folder / part / "config.json").is_file()), None)
    if denoiser is None:
        raise CatalogInvalid(f"{folder} has neither transformer nor unet; source must be the folder of a pipeline")
    sample = read_json(folder / denoiser / "config.json").get("sample_size")
    blocks = read_json(folder / "vae" / "config.json").get("block_out_channels")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        return _WHOLE_SIDE
    return sample * 2 ** (len(blocks) - 1)


def _native_side(folder: Path, unet: dict[str, Any], vae: dict[str, Any]) -> int:
    """The UNet's sample size times the autoencoder's reduction factor."""
    blocks, sample = vae.get("block_out_channels"), unet.get("sample_size")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        raise CatalogInvalid(f"{folder} lacks unet sample_size or vae block_out_channels")
    return sample * 2 ** (len(blocks) - 1)
