"""Networks in prompts: `<lora:NAME:WEIGHT>`, as in `extensions-builtin/Lora` of the web UI."""

import re
from dataclasses import dataclass

from pydantic import JsonValue

from renderq_api.doors.a1111.fields import refused

_NETWORK = re.compile(r"<(\w+):([^>]+)>")
_LORAS = {"lora", "lyco"}
_OTHERS = {"hypernet"}


@dataclass(frozen=True, slots=True)
class PromptNetworks:
    """A prompt without its networks, and these."""

    prompt: str
    loras: tuple[dict[str, JsonValue], ...]
    """Entries of `loras` of a job."""


def split_networks(prompt: str) -> PromptNetworks:
    """Take the LoRAs out of a prompt. Raises `ApiProblem`.

    `<lora:NAME>` has weight 1, `<lora:NAME:TE:UNET>` and `<lora:NAME:te=TE:unet=UNET>` one for text encoders and one
    for the UNet.
    """
    loras: list[dict[str, JsonValue]] = []

    def take(match: re.Match[str]) -> str:
        kind = match[1].lower()
        if kind in _OTHERS:
            raise refused("prompt", "Hypernetworks are not supported; remove <hypernet:…>.")
        if kind not in _LORAS:
            return match[0]
        loras.append(_lora(match[2]))
        return ""

    return PromptNetworks(_NETWORK.sub(take, prompt), tuple(loras))


def _lora(arguments: str) -> dict[str, JsonValue]:
    name, *rest = arguments.split(":")
    named = dict(each.split("=", 1) for each in rest if "=" in each)
    positional = [each for each in rest if "=" not in each]
    text = named.get("te", positional[0] if positional else "1")
    unet = named.get("unet", positional[1] if len(positional) > 1 else text)
    try:
        return {"name": name, "weight": float(unet), "text_encoder_weight": float(text)}
    except ValueError:
        raise refused("prompt", f"<lora:{arguments[:100]}> must have numbers as weights.") from None
