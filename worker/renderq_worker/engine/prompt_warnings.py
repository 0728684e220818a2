"""Warning of text in prompts that looks like a weight and is none. No torch."""

from collections.abc import Iterable

from renderq_shared.catalog import ModelEntry
from renderq_shared.prompt_attention import MAX_WEIGHT, find_near_misses, find_weights

_MAX_QUOTED = 3


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
        unread = [part for prompt in prompts for part in find_weights(prompt)]
        reason = f"model {entry.name!r} does not support weights"
    if not unread:
        return None
    more = f" and {len(unread) - _MAX_QUOTED} more" if len(unread) > _MAX_QUOTED else ""
    return f"read as text, not as weights: {', '.join(unread[:_MAX_QUOTED])}{more}; {reason}"
