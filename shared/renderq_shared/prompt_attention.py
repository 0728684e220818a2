"""Parser of prompt weights: `(word:1.3)` strengthens a part of a prompt, `(word:0.7)` weakens it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from renderq_shared.errors import PromptWeightTooHigh

MAX_WEIGHT = 10.0
"""Largest weight; the smallest is 0."""

_EXCERPT = 40
"""Largest number of characters that a message quotes."""

_WEIGHTED = re.compile(r"(?<!\\)\((?P<text>(?:\\.|[^()\\])+):\s*+(?P<weight>\d++(?:\.\d*+)?+|\.\d++)\s*+\)")
"""Linear: possessive quantifiers read each number once."""

_ESCAPED = re.compile(r"\\([()])")
_NUMBERS = re.compile(r"[\d\s.,:/]+")

_SCALE = re.compile(r"(?<![\d.,:])1\s*$")
"""The end of text before a colon that begins a scale such as `1:1.4`, the aperture of a lens. It may mean a weight."""

_SECONDS = re.compile(r"[0-5]\d(?:[.,]\d*)?")

_NEAR_MISS = re.compile(
    r"""
    [:：]\s*(?P<number>[+-]?(?:[.,]?\d[\d.,]*(?:e[+-]?\d+)?|nan|inf))  # (word:1,3), [word:1], (word:nan)
    [\s\u200b\ufeff]*(?:[x%]\s*)?[)\]}>）]
    | \)(?:\++|-+|\d*\.\d+)(?=[\s,.;]|$)  # (word)1.3 and (word)++, as in compel
    | (?<=[^\W\d])(?::\d*\.\d+|::-?\d[\d.]*)(?=[\s,;]|$)  # word:1.3, and word::2 as in Midjourney
    | <(?:lora|lyco|hypernet):[^<>]*+>  # as in AUTOMATIC1111
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DOUBLED = re.compile(
    r"""
    (?<![\\(])\(\(++[^()\\]++\)\)++ | (?<![\\\[])\[\[++[^\[\]\\]++\]\]++ | (?<![\\{])\{\{++[^{}\\]++\}\}++
    """,
    re.VERBOSE,
)
"""((word)), [[word]] and {{word}}, which are weights in AUTOMATIC1111, ComfyUI and NovelAI."""

_DECIMAL = re.compile(r"[:：]\s*\d*\.\d")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Part of a prompt with one weight."""

    text: str
    weight: float = 1.0


def parse_prompt_attention(prompt: str) -> Sequence[Fragment]:
    """Return the parts of a prompt in order; a prompt without weights is one part. Raises `PromptWeightTooHigh`.

    Weights do not nest. Parentheses without a weight are text, and `\\(` and `\\)` always are; so are ratios and times
    such as `(16:9)`, `(50mm 1:1.4)`, `(at 12:30)` and `(lap 2:03.4)`.
    """
    parts: list[Fragment] = []
    end = 0
    for match in _weighted(prompt):
        parts.append(Fragment(_unescape(prompt[end : match.start()])))
        parts.append(Fragment(_unescape(match["text"]), _weight(match)))
        end = match.end()
    parts.append(Fragment(_unescape(prompt[end:])))
    return [part for part in parts if part.text.strip()] or [Fragment("")]


def find_weights(prompt: str) -> list[str]:
    """Return the parts of a prompt that are weights."""
    return [_excerpt(match[0]) for match in _weighted(prompt)]


def find_near_misses(prompt: str) -> list[str]:
    """Return the parts of a prompt that look like weights, but are text."""
    rest = _WEIGHTED.sub(" ", prompt)
    doubled = [match[0] for match in _DOUBLED.finditer(prompt)]
    return [_excerpt(near_miss) for near_miss in (*doubled, *_scales(prompt), *_near_misses(rest))]


def _weighted(prompt: str) -> Iterator[re.Match[str]]:
    return (match for match in _weights_and_scales(prompt) if not _SCALE.search(match["text"]))


def _scales(prompt: str) -> Iterator[str]:
    return (match[0] for match in _weights_and_scales(prompt) if _SCALE.search(match["text"]))


def _weights_and_scales(prompt: str) -> Iterator[re.Match[str]]:
    return (match for match in _WEIGHTED.finditer(prompt) if not _is_ratio(match["text"], match["weight"]))


def _near_misses(rest: str) -> Iterator[str]:
    start = rest.rfind("(")
    is_open = start > rest.rfind(")") and rest[start - 1 : start] != "\\" and _DECIMAL.search(rest, start) is not None
    for match in _NEAR_MISS.finditer(rest, 0, start if is_open else len(rest)):
        before = rest[max(0, match.start() - _EXCERPT) : match.start()]
        if match["number"] is None or not _is_ratio(before, match["number"]):
            yield f"{before.split(' ')[-1]}{match[0]}"
    if is_open:
        yield rest[start:]


def _is_ratio(text: str, number: str) -> bool:
    """Return whether `text:number` is a ratio or a time.

    That is an integer or seconds of two digits, such as `03.4`, after a digit, and any number after a number.
    """
    is_after_digit = text.rstrip()[-1:].isdecimal()
    is_integer_or_seconds = number.isdecimal() or _SECONDS.fullmatch(number) is not None
    return (is_after_digit and is_integer_or_seconds) or _NUMBERS.fullmatch(text) is not None


def _weight(match: re.Match[str]) -> float:
    weight = float(match["weight"])
    if weight > MAX_WEIGHT:
        raise PromptWeightTooHigh(
            f"{_excerpt(match[0])} sets a weight above {MAX_WEIGHT:g}; use a weight from 0 to {MAX_WEIGHT:g}, or write "
            r"\( and \) for parentheses that are text"
        )
    return weight


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
