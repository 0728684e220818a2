"""Weights in prompts: AUTOMATIC1111's syntax → renderq's.

There `(text)` is weighted 1.1, `[text]` 1/1.1 and `(text:1.3)` 1.3; weights nest and multiply, and a bracket that is
not closed reaches to the end. Here each part has one weight.

Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, `parse_prompt_attention` in `modules/prompt_parser.py`.
"""

import re
from collections.abc import Iterator, Sequence

from renderq_shared.errors import PromptWeightTooHigh
from renderq_shared.prompt_attention import Fragment, parse_prompt_attention

_ROUND, _SQUARE = 1.1, 1 / 1.1

MAX_DEPTH = 100
"""Brackets that may be open at once, which bounds the time for nesting them."""

_TOKEN = re.compile(
    r"""
    \[(?:[^\[\]|]*+\|[^\[\]]*+|[^\[\]]*:\s*[\d.]+\s*)\]  # [one|other] and [one:other:0.5] change during rendering: text
    | \\(?P<escaped>[()\[\]\\])
    | :\s*(?P<weight>[+-]?[.\d]+)\s*\)
    | (?P<bracket>[()\[\]])
    | [^\\()\[\]:]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)
"""Linear: possessive quantifiers look for the first `|` alone."""


class PromptNotSupported(Exception):
    """The prompt has weights that renderq does not have. The message says which."""


def convert_attention(prompt: str) -> str:
    """Return the prompt with the same weights in renderq's syntax. Raises `PromptNotSupported`."""
    if not re.search(r"[()\[\]\\]", prompt):
        return prompt
    return "".join(_merged(_weighted(prompt)))


def _weighted(prompt: str) -> Sequence[Fragment]:
    """Return the parts of a prompt, each with its weight."""
    texts: list[str] = []
    weights: list[float] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def close(bracket: str, factor: float) -> None:
        for index in range(opened[bracket].pop(), len(weights)):
            weights[index] *= factor

    for match in _TOKEN.finditer(prompt):
        bracket, number = match["bracket"], _number(match["weight"])
        if bracket in opened:
            if sum(map(len, opened.values())) == MAX_DEPTH:
                raise PromptNotSupported(f"Brackets may be nested {MAX_DEPTH} deep at most.")
            opened[bracket].append(len(weights))
        elif number is not None and opened["("]:
            if number < 0:
                raise PromptNotSupported(f"The weight {number:g} is negative; use one from 0.")
            close("(", number)
        elif bracket == ")" and opened["("]:
            close("(", _ROUND)
        elif bracket == "]" and opened["["]:
            close("[", _SQUARE)
        else:
            texts.append(match["escaped"] or match[0])
            weights.append(1.0)
    while opened["("]:
        close("(", _ROUND)
    while opened["["]:
        close("[", _SQUARE)
    return [Fragment(text, round(weight, 4)) for text, weight in zip(texts, weights, strict=True)]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _merged(fragments: Sequence[Fragment]) -> Iterator[str]:
    """Yield neighbors of the same weight as one text each, in renderq's syntax."""
    text, weight = "", 1.0
    for fragment in fragments:
        if fragment.weight != weight:
            yield _encode(text, weight)
            text, weight = "", fragment.weight
        text += fragment.text
    yield _encode(text, weight)


def _encode(text: str, weight: float) -> str:
    """Return a text with its weight; without it where renderq has no way to write it: of numbers alone."""
    plain = re.sub(r"([()])", r"\\\1", text)
    if plain.endswith("\\"):
        plain += " "  # a backslash before a bracket would make it text
    if weight == 1 or not text.strip():
        return plain
    number = f"{weight:.4f}".rstrip("0")  # with a point, without which it may be one of a ratio
    weighted = f"({plain}:{number}0)" if number.endswith(".") else f"({plain}:{number})"
    try:
        parts = parse_prompt_attention(weighted)
    except PromptWeightTooHigh as error:
        raise PromptNotSupported(f"{error}.") from error
    return weighted if [part.weight for part in parts] == [weight] else plain
