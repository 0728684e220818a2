"""The settings of an image in the form that `infotext` reads, for the programs that show them.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `create_infotext` in `modules/processing.py`.
"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from renderq.image_files.a1111_samplers import sampler_names
from renderq.version import version

REVISION_CHARACTERS = 10
"""Length of the part of a model's revision that stands for its hash."""


def write_infotext(request: Mapping[str, JsonValue], model_revision: str) -> str:
    """Return the settings of one image. `request`: a resolved request with the seed of this image.

    No value needs quotes: none has a comma or a colon. A line of a prompt that begins with `Negative prompt:` is read
    as part of the negative prompt, by every program.
    """
    prompt, negative = (str(request[name]).replace("\0", "") for name in ("prompt", "negative_prompt"))
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
    yield "Version", f"renderq {version()}"


def _number(value: JsonValue) -> str:
    """Return a number without loss, and without the decimals of a whole one."""
    return str(value).removesuffix(".0")
