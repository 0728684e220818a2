"""Names of image files after their prompt."""

import re

_WORDS, _WORD_BYTES = 6, 80


def prompt_words(prompt: str) -> str:
    """Return the first six words of a prompt, joined with hyphens, in at most 80 bytes; empty without any."""
    words = re.findall(r"[^\W_]+", prompt)[:_WORDS]
    return "-".join(words).encode()[:_WORD_BYTES].decode(errors="ignore").rstrip("-")
