"""Parser of prompt weights: `(word:1.3)` strengthens a part of a prompt, `(word:0.7)` weakens it. No torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WEIGHTED = re.compile(r"(?<!\\)\((?P<text>(?:\\.|[^()\\])+):(?P<weight>\d+(?:\.\d+)?)\)")
_ESCAPED = re.compile(r"\\([()])")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Part of a prompt with one weight."""

    text: str
    weight: float = 1.0


def parse_prompt_attention(prompt: str) -> Sequence[Fragment]:
    """Return the parts of a prompt in order; a prompt without weights is one part.

    Weights do not nest. Parentheses without a weight are text, and `\\(` and `\\)` always are.
    """
    parts: list[Fragment] = []
    end = 0
    for match in _WEIGHTED.finditer(prompt):
        parts.append(Fragment(_unescape(prompt[end : match.start()])))
        parts.append(Fragment(_unescape(match["text"]), float(match["weight"])))
        end = match.end()
    parts.append(Fragment(_unescape(prompt[end:])))
    return [part for part in parts if part.text.strip()] or [Fragment("")]


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
