"""Sweeps: a request and axes → one request for each combination of their values."""

import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from renderq.contract.batches import Axis
from renderq.contract.limits import LIMITS
from renderq.contract.problems import FieldError

Fields = dict[str, JsonValue]

_PROMPT_WORD = "prompt:"
"""Prefix of the field of an axis that replaces a word of the prompt."""

_MAX_DEPTH = 8
"""Longest path of a field; requests are nested less deep."""


@dataclass(frozen=True, slots=True)
class Combination:
    """One request of a sweep. Its fields are built when they are read: a thousand copies of a request may be large."""

    request: Fields
    axes: Sequence[Axis]
    choice: tuple[int, ...]
    """Index of the value on each axis."""

    @property
    def values(self) -> Fields:
        """Field of each axis → the value that this request has."""
        return {axis.field: axis.values[index] for axis, index in zip(self.axes, self.choice, strict=True)}

    @property
    def sources(self) -> dict[str, tuple[int, int]]:
        """JSON pointer into the request → indexes of the axis and of the value that it is from."""
        pointers = ("/prompt" if _prompt_word(axis) is not None else _pointer(_path(axis)) for axis in self.axes)
        return dict(zip(pointers, enumerate(self.choice), strict=True))

    def fields(self) -> Fields:
        """Return the request."""
        fields, words = self.request, dict[str, str]()
        for axis, index in zip(self.axes, self.choice, strict=True):
            word = _prompt_word(axis)
            if word is None:
                fields = _with(fields, _path(axis), axis.values[index])
            else:
                words[word] = str(axis.values[index])
        return {**fields, "prompt": _replaced(str(fields["prompt"]), words)} if words else fields


def sweep_errors(request: Fields, axes: Sequence[Axis]) -> Iterator[FieldError]:
    """Yield why there are no combinations. Pointers are into `SubmitBatch`."""
    jobs = math.prod(len(axis.values) for axis in axes)
    if jobs > LIMITS.batch_jobs:
        product = " × ".join(str(len(axis.values)) for axis in axes)
        detail = f"{product} = {jobs:,} combinations; a batch may have at most {LIMITS.batch_jobs:,} jobs."
        yield FieldError(pointer="/axes", code="too_many", detail=detail)
    for number, axis in enumerate(axes):
        if any(_overlap(_path(axis), _path(other)) for other in axes[:number]):
            detail = "An earlier axis sets this field, too."
            yield FieldError(pointer=f"/axes/{number}/field", code="duplicate_field", detail=detail)
        word = _prompt_word(axis)
        if word is not None:
            yield from _word_errors(request, number, axis, word)
        elif not _is_settable(request, _path(axis)):
            detail = f"The request cannot have a field {json.dumps(axis.field[:60])}."
            yield FieldError(pointer=f"/axes/{number}/field", code="unknown_field", detail=detail)
    yield from _length_errors(request, axes)


def combinations(request: Fields, axes: Sequence[Axis]) -> list[Combination]:
    """Return all combinations, those of the last axis next to each other. `sweep_errors` must have found nothing."""
    choices = itertools.product(*(range(len(axis.values)) for axis in axes))
    return [Combination(request, axes, choice) for choice in choices]


def _word_errors(request: Fields, number: int, axis: Axis, word: str) -> Iterator[FieldError]:
    prompt = request.get("prompt")
    if not isinstance(prompt, str) or not word or not _pattern([word]).search(prompt):
        detail = f"The prompt of the request does not contain the word {json.dumps(word[:60])}."
        yield FieldError(pointer=f"/axes/{number}/field", code="word_not_found", detail=detail)
    for index, value in enumerate(axis.values):
        if not isinstance(value, str):
            detail = "Must be a string, which replaces the word."
            yield FieldError(pointer=f"/axes/{number}/values/{index}", code="wrong_type", detail=detail)
            return


def _length_errors(request: Fields, axes: Sequence[Axis]) -> Iterator[FieldError]:
    """Check the longest prompt before any is built: a short word may stand there often, and its values may be long."""
    prompt = request.get("prompt")
    longest = {word: max(map(len, map(str, axis.values))) for axis in axes if (word := _prompt_word(axis))}
    if not longest or not isinstance(prompt, str):
        return
    characters = len(prompt)
    if characters <= LIMITS.prompt_characters:
        characters += sum(longest[word] - len(word) for word in _pattern(list(longest)).findall(prompt))
    if characters > LIMITS.prompt_characters:
        detail = (
            f"With the longest values it would have {characters:,} characters; the maximum is "
            f"{LIMITS.prompt_characters:,}."
        )
        yield FieldError(pointer="/request/prompt", code="too_long", detail=detail)


def _prompt_word(axis: Axis) -> str | None:
    """Return the word that an axis replaces; `None` if it sets a field."""
    return axis.field.removeprefix(_PROMPT_WORD) if axis.field.startswith(_PROMPT_WORD) else None


def _path(axis: Axis) -> tuple[str, ...]:
    """Return the path of a field; that of a word of the prompt is below the prompt."""
    word = _prompt_word(axis)
    return tuple(axis.field.split(".")) if word is None else ("prompt", word)


def _overlap(one: Sequence[str], other: Sequence[str]) -> bool:
    return all(a == b for a, b in zip(one, other, strict=False))


def _is_settable(request: Fields, path: Sequence[str]) -> bool:
    """Return whether what a field is part of is an object, or not there yet."""
    inner: JsonValue = request
    for name in path[:-1]:
        inner = inner.get(name) if isinstance(inner, dict) else inner
    return len(path) <= _MAX_DEPTH and (inner is None or isinstance(inner, dict))


def _with(fields: Fields, path: Sequence[str], value: JsonValue) -> Fields:
    """Set a nested field."""
    name, *rest = path
    if not rest:
        return {**fields, name: value}
    inner = fields.get(name)
    return {**fields, name: _with(inner if isinstance(inner, dict) else {}, rest, value)}


def _replaced(prompt: str, words: dict[str, str]) -> str:
    """Replace all words at once, so that no value is taken for a word."""
    return _pattern(list(words)).sub(lambda match: words[match[0]], prompt)


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _pointer(path: Sequence[str]) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)
