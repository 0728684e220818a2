"""Warnings of what has no effect: text that looks like a weight, and fields that need guidance. No torch."""

import re
from collections.abc import Iterable, Iterator

from renderq.contract import SamplingParams
from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_config import GENERIC_FAMILY
from renderq_shared.field_values import format_number
from renderq_shared.prompt_attention import MAX_WEIGHT, find_near_misses, find_weights
from renderq_worker.engine.generation import GenerationSpec

_MAX_QUOTED = 3
_NETWORK = re.compile(r"<(?:lora|lyco):[^<>]*+>", re.IGNORECASE)


def prompt_warnings(spec: GenerationSpec, entry: ModelEntry) -> Iterator[tuple[str, str]]:
    """Yield code and message of each warning that an image gets once its prompts are encoded."""
    unread_negative = unread_negative_prompt(spec.negative_prompt, spec.sampling.guidance_scale, entry)
    prompts = [spec.prompt] if unread_negative else [spec.prompt, spec.negative_prompt]
    for code, message in (
        ("prompt_weight_unread", unread_weights(prompts, entry)),
        ("negative_prompt_unread", unread_negative),
        ("guidance_rescale_unread", unread_guidance_rescale(spec.sampling)),
    ):
        if message is not None:
            yield code, message


def unread_weights(prompts: Iterable[str], entry: ModelEntry) -> str | None:
    """Return the message for these prompts of one image; None if there is nothing to warn of."""
    prompts = list(prompts)
    if entry.supports_prompt_weights:
        unread = [part for prompt in prompts for part in find_near_misses(prompt)]
        reason = (
            f"a weight is written (word:1.3), with a number from 0 to {MAX_WEIGHT:g} and no parentheses inside except "
            r"\( and \)"
        )
    else:
        unread = [part for prompt in prompts for part in (*find_weights(prompt), *_NETWORK.findall(prompt))]
        reason = f"model {entry.name!r} does not support weights"
    if not unread:
        return None
    if any(part.lower().startswith(("<lora:", "<lyco:")) for part in unread):
        reason += "; LoRAs are chosen by the field loras"
    more = f" and {len(unread) - _MAX_QUOTED} more" if len(unread) > _MAX_QUOTED else ""
    return f"read as text, not as weights: {', '.join(unread[:_MAX_QUOTED])}{more}; {reason}"


def unread_negative_prompt(negative_prompt: str, guidance_scale: float, entry: ModelEntry) -> str | None:
    """Return the message for a negative prompt that has no effect because guidance is off; None otherwise."""
    off_at = 0 if entry.family == GENERIC_FAMILY else 1  # one of them guides above 0 already
    if not negative_prompt.strip() or guidance_scale > off_at:
        return None
    return _guidance_off(guidance_scale, "the negative prompt")


def unread_guidance_rescale(sampling: SamplingParams) -> str | None:
    """Return the message for a guidance rescale factor that has no effect because guidance is off; None otherwise."""
    if not sampling.guidance_rescale or sampling.guidance_scale > 1:
        return None
    return _guidance_off(sampling.guidance_scale, "guidance_rescale")


def _guidance_off(guidance_scale: float, field: str) -> str:
    return (
        f"guidance is off at guidance_scale {format_number(guidance_scale)}, so {field} has no effect; omit it, or "
        "raise guidance_scale above 1"
    )
