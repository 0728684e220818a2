"""Tokens of a prompt, split into chunks that the text encoder accepts. No torch."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from renderq_shared.prompt_attention import Fragment
from renderq_worker.engine.errors import PromptTooLong

MAX_CHUNKS = 128
"""Largest prompt. Its embeddings make the UNet's cross-attention about as expensive as the rest of a step."""

_ABBREVIATIONS = ("mr", "mrs", "ms", "dr", "st", "sr", "jr", "vs", "no", "vol", "ca", "prof", r"\w")
"""A full stop after these, or after a single letter, ends no sentence."""

_SENTENCE_END = re.compile(
    "".join(rf"(?<!\b{word})" for word in _ABBREVIATIONS) + r"""(?<![.!?])[.!?]++['")]*+(?=\s|$)|[。！？]""",
    re.IGNORECASE,
)
_PHRASE_END = re.compile(r"(?<![,;:!?)])[,;:!?)]++(?=\s|$)|[,;](?=[^\W\d_])|[，；：、]")
"""Linear, as `_SENTENCE_END`: each run of punctuation is read once, from its start."""
_WORD_END = re.compile(r"(?<=\S)(?=\s|$)")
_NUMBER = re.compile(r"\d+(?:[.,:/-]?\d+)*")


class Boundary(IntEnum):
    """What ends behind a token. A higher value is a better place for a split."""

    NONE = 0
    """Nothing: the place is inside a number or a character."""
    TOKEN = 1
    WORD = 2
    PHRASE = 3
    SENTENCE = 4


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a prompt."""

    id: int
    weight: float
    boundary: Boundary


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens of one pass of the text encoder, without start, end and padding."""

    tokens: tuple[int, ...]
    weights: tuple[float, ...]

    @property
    def has_weights(self) -> bool:
        return any(weight != 1 for weight in self.weights)

    @property
    def is_downweighted(self) -> bool:
        return any(weight < 1 for weight in self.weights)


EMPTY_CHUNK = Chunk((), ())


def split_into_chunks(parts: Sequence[Fragment], tokenizer: Any) -> tuple[Chunk, ...]:
    """Split a prompt behind sentences, phrases or words, never inside a number that fits. Raises `PromptTooLong`.

    Sentences and phrases that would leave more than half of a chunk empty do not count.
    """
    size = tokenizer.model_max_length - 2  # start and end
    tokens = [token for part in parts for token in _tokens(part, tokenizer)]
    chunks: list[Chunk] = []
    start = 0
    while start < len(tokens) or not chunks:
        end = _split_point(tokens, start, size)
        part = tokens[start:end]
        chunks.append(Chunk(tuple(token.id for token in part), tuple(token.weight for token in part)))
        start = end
    if len(chunks) > MAX_CHUNKS:
        raise PromptTooLong(
            f"the prompt has {len(tokens)} tokens, {len(chunks)} chunks of up to {size}; "
            f"at most {MAX_CHUNKS} chunks are supported: shorten the prompt"
        )
    return tuple(chunks)


def _split_point(tokens: Sequence[Token], start: int, size: int) -> int:
    """Return the end of the chunk that begins at `start`."""
    if len(tokens) - start <= size:
        return len(tokens)
    full, half = start + size, start + size // 2
    end = max(range(half + 1, full + 1), key=lambda end: (tokens[end - 1].boundary, end))
    return end if tokens[end - 1].boundary else full


def _tokens(part: Fragment, tokenizer: Any) -> Iterator[Token]:
    """Yield the tokens of one part, which is tokenized by itself."""
    text = with_all_vectors(part.text, tokenizer)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    boundaries, spans = _boundaries(text), [*encoded.offset_mapping, (len(text), len(text))]
    for index, id in enumerate(encoded.input_ids):
        end, next_start = spans[index][1], spans[index + 1][0]
        is_inside_character = next_start < end
        boundary = Boundary.NONE if is_inside_character else boundaries.get(end, Boundary.TOKEN)
        yield Token(id, part.weight, boundary)


def with_all_vectors(text: str, tokenizer: Any) -> str:
    """Write the token of a textual inversion of several vectors as one token for each, as diffusers does."""
    added = tokenizer.added_tokens_encoder
    for token in set(tokenizer.tokenize(text)) & added.keys():
        vectors = itertools.takewhile(added.__contains__, (f"{token}_{number}" for number in itertools.count(1)))
        text = text.replace(token, " ".join((token, *vectors)))
    return text


def _boundaries(text: str) -> dict[int, Boundary]:
    """Return character position → what ends there, where it is not `Boundary.TOKEN`."""
    boundaries = {at: Boundary.NONE for match in _NUMBER.finditer(text) for at in range(match.start() + 1, match.end())}
    for pattern, boundary in (
        (_WORD_END, Boundary.WORD),
        (_PHRASE_END, Boundary.PHRASE),
        (_SENTENCE_END, Boundary.SENTENCE),
    ):
        boundaries.update({match.end(): boundary for match in pattern.finditer(text)})
    return boundaries
