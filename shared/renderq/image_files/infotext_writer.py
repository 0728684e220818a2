"""The settings of an image in the form that `infotext` reads, for the programs that show them.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `create_infotext` in `modules/processing.py`.
"""

from collections.abc import Iterator, Mapping
from typing import cast

from pydantic import JsonValue

from renderq.image_files.a1111_samplers import sampler_names
from renderq.version import version

_HASH = 12
"""Length of the part of a LoRA's revision that stands for its hash."""
REVISION_CHARACTERS = 10
"""Length of the part of a model's revision that stands for its hash."""


def write_infotext(request: Mapping[str, JsonValue], model_revision: str) -> str:
    """Return the settings of one image. `request`: a resolved request with the seed of this image.

    Only `Lora hashes` needs quotes: no other value has a comma or a colon. A line of a prompt that begins with
    `Negative prompt:` is read as part of the negative prompt, by every program.
    """
    prompt, negative = (str(request[name]).replace("\0", "") for name in ("prompt", "negative_prompt"))
    prompt += "".join(_networks(request))
    lines = [prompt, f"Negative prompt: {negative}"] if negative else [prompt]
    parameters = ", ".join(f"{name}: {text}" for name, text in _parameters(request, model_revision))
    return "\n".join((*lines, parameters)).strip()


def _parameters(request: Mapping[str, JsonValue], model_revision: str) -> Iterator[tuple[str, str]]:
    yield "Steps", str(request["steps"])
    schedule = request.get("schedule")
    if names := sampler_names(str(request["scheduler"]), str(schedule) if schedule else None):
        yield from zip(("Sampler", "Schedule type"), names, strict=True)
    yield "CFG scale", _number(request["guidance_scale"])
    yield "Seed", str(request["seed"])
    yield "Size", f"{request['width']}x{request['height']}"
    yield "Model hash", model_revision[:REVISION_CHARACTERS]
    yield "Model", str(request["model"])
    if "strength" in request:
        yield "Denoising strength", _number(request["strength"])
    if clip_skip := request["clip_skip"]:
        yield "Clip skip", str(int(str(clip_skip)) + 1)  # there, the last layer is 1
    if hashes := ", ".join(f"{lora['name']}: {str(lora.get('revision') or '')[:_HASH]}" for lora in _loras(request)):
        yield "Lora hashes", f'"{hashes}"'
    yield "Version", f"renderq {version()}"


def _networks(request: Mapping[str, JsonValue]) -> Iterator[str]:
    """Yield the LoRAs as the web UI has them in prompts: the weight in the text encoders first, if it differs."""
    for lora in _loras(request):
        text, weight = _number(lora["text_encoder_weight"]), _number(lora["weight"])
        yield f" <lora:{lora['name']}:{weight}>" if text == weight else f" <lora:{lora['name']}:{text}:{weight}>"


def _loras(request: Mapping[str, JsonValue]) -> list[Mapping[str, JsonValue]]:
    """Return the LoRAs of a request, of which older ones have none."""
    return cast(list[Mapping[str, JsonValue]], request.get("loras") or [])


def _number(value: JsonValue) -> str:
    """Return a number without loss, and without the decimals of a whole one."""
    return str(value).removesuffix(".0")
