"""Settings that other programs write into images as text, in the form that the web UI of AUTOMATIC1111 introduced.

    a lighthouse on a cliff
    Negative prompt: blurry
    Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model: sd15

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `modules/infotext_utils.py`.
"""

import json
import re
from collections.abc import Callable, Mapping

from pydantic import JsonValue, ValidationError

from renderq.contract import JobRequest, parse_request
from renderq.image_files.a1111_samplers import find_sampler, find_schedule_type

_MAX_CHARACTERS = 64 << 10
_NEGATIVE = re.compile(r"^[ \t]*Negative prompt:", re.MULTILINE)

_PARAMETER = re.compile(r'(\w[\w \-/]{0,80}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
"""Linear: nothing before the name is part of it, so that a run of spaces is read once."""

_NO_TYPE = "Uniform"
"""Schedule type where a text names none, as those of earlier releases."""


def read_infotext(text: str) -> JobRequest | None:
    """Return the settings as a `txt2img` request without a model; `None` if the text has none.

    Settings that renderq does not have, and values outside of its ranges, are left out.
    """
    named = infotext_parameters(text)
    parameters = {name.lower(): value for name, value in named.items()}
    if "steps" not in parameters:
        return None
    fields = {
        "prompt": named["Prompt"],
        "negative_prompt": named["Negative prompt"],
        "steps": _value(parameters, "steps", int),
        "guidance_scale": _value(parameters, "cfg scale", float),
        "seed": _value(parameters, "seed", int),
        "clip_skip": _value(parameters, "clip skip", lambda text: int(text) - 1),  # there, the last layer is 1
        **_noise(parameters),
        **_size(parameters),
    }
    return _valid_request({name: value for name, value in fields.items() if value not in (None, "")})


def infotext_parameters(text: str) -> dict[str, str]:
    """Return the settings of a text by name, with `Prompt` and `Negative prompt`; empty if it has none."""
    lines = text.strip().splitlines() if len(text) <= _MAX_CHARACTERS else []
    last = lines.pop() if lines else ""
    parameters = {match[1].strip(): _unquoted(match[2].strip()) for match in _PARAMETER.finditer(last)}
    if "steps" not in map(str.lower, parameters):
        return {}
    prompt, negative = [*_NEGATIVE.split("\n".join(lines), maxsplit=1), ""][:2]
    return {"Prompt": prompt.strip(), "Negative prompt": negative.strip(), **parameters}


def _unquoted(text: str) -> str:
    try:
        value = json.loads(text) if text.startswith('"') else text
        str(value).encode()  # half of a surrogate pair, which no response can repeat, is a ValueError
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _value(parameters: Mapping[str, str], name: str, parse: Callable[[str], JsonValue]) -> JsonValue:
    try:
        return parse(parameters[name])
    except (KeyError, ValueError):
        return None


def _noise(parameters: Mapping[str, str]) -> dict[str, JsonValue]:
    """Return scheduler and schedule, if renderq has the sampler with that schedule type."""
    found = find_sampler(parameters.get("sampler", ""))
    if found is None:
        return {}
    sampler, suffix = found
    named = parameters.get("schedule type")
    schedule_type = suffix or (find_schedule_type(named) if named else _NO_TYPE)
    noise = sampler.types.get(schedule_type) if schedule_type else None
    return {"scheduler": noise.scheduler, "schedule": noise.schedule} if noise else {}


def _size(parameters: Mapping[str, str]) -> dict[str, JsonValue]:
    match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", parameters.get("size", ""))
    return {"width": int(match[1]), "height": int(match[2])} if match else {}


def _valid_request(fields: dict[str, JsonValue]) -> JobRequest | None:
    """Return the request without the fields that are not valid; `None` if nothing else is left."""
    try:
        return parse_request(fields)
    except ValidationError as error:
        refused = {each["loc"][0] for each in error.errors() if each["loc"]}
        rest = {name: value for name, value in fields.items() if name not in refused}
        return _valid_request(rest) if len(rest) < len(fields) else None
