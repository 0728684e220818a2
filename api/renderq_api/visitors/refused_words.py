"""Words that a prompt of a visitor must not have, from a file of the operator."""

import contextlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from renderq_api.errors import RefusedWordsUnreadable
from renderq_shared.errors import PromptWeightTooHigh
from renderq_shared.prompt_attention import parse_prompt_attention

_WORD = re.compile(r"[^\W_]+")

_MAX_BYTES = 1 << 20

_INVISIBLE = frozenset({"Cf", "Mn"})
"""Unicode categories that do not distinguish words: format characters and combining marks."""


class RefusedWords:
    """Compares whole words, without regard to case, accents, punctuation and prompt weights."""

    def __init__(self, lines: Iterable[str]) -> None:
        """A line is one word, or several in a row. `#` begins a comment."""
        phrases = (_words(line.partition("#")[0]) for line in lines)
        self._phrases = frozenset(filter(None, phrases))
        self._lengths = frozenset(map(len, self._phrases))

    @classmethod
    def from_file(cls, path: Path | None) -> Self:
        """Read the file; without one, no word is refused. Raises `RefusedWordsUnreadable`."""
        if path is None:
            return cls(())
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
            if len(data) > _MAX_BYTES:
                raise ValueError(f"it has more than {_MAX_BYTES:,} bytes")
            return cls(data.decode("utf-8-sig").splitlines())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise RefusedWordsUnreadable(
                f"RENDERQ_VISITORS_REFUSE must be a readable text file in UTF-8: {path}: {reason}"
            ) from error

    def refuses(self, prompt: str) -> bool:
        texts = [_words(prompt)]
        with contextlib.suppress(PromptWeightTooHigh):  # models whose weights have a meaning refuse such a prompt
            texts.append(_words("".join(fragment.text for fragment in parse_prompt_attention(prompt))))
        return any(
            words[start : start + length] in self._phrases
            for words in texts
            for length in self._lengths
            for start in range(len(words))
        )


def _words(text: str) -> tuple[str, ...]:
    """Return the words of a text, without case, accents and invisible characters."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    visible = "".join(each for each in decomposed if unicodedata.category(each) not in _INVISIBLE)
    return tuple(_WORD.findall(visible))
