"""Words of a text, and searches for them. Databases only compare words: splitting and folding happen here, so that
every database finds the same jobs.

A word is a run of letters and digits without case and accents: `Café №5` has the words `cafe` and `no5`. A Chinese or
Japanese character is a word of its own, because these scripts put no spaces between words.
"""

import re
import unicodedata
from dataclasses import dataclass

MAX_SEARCH_WORDS = 32

_MAX_WORD = 100
"""Characters of a word that count; PostgreSQL takes no more than 2,046 bytes."""

_CJK = "\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|(?:(?![{_CJK}])[^\W_])+")
_TERM = re.compile(r'"([^"]*)"?|[^"\s]+')
_VOICING_MARKS = frozenset("\u3099\u309a")


BOUNDARY = "¦"
"""Stands between texts that are indexed together, so that no phrase reaches from one into the next."""


@dataclass(frozen=True, slots=True)
class Search:
    """A search: jobs match that contain every phrase. A phrase is a sequence of adjacent words, often one."""

    phrases: tuple[tuple[str, ...], ...]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text in order."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(c for c in decomposed if unicodedata.category(c) != "Mn" or c in _VOICING_MARKS)
    return tuple(word[:_MAX_WORD] for word in _WORD.findall(unicodedata.normalize("NFC", bare)))


def parse_search(text: str) -> Search:
    """Parse words, which must all occur, and phrases in double quotes. Nothing else is an operator.

    A term such as `3d-render` is the phrase of its words. Raises `ValueError` if there is no word, or more than
    `MAX_SEARCH_WORDS`.
    """
    terms = (match[1] if match[1] is not None else match[0] for match in _TERM.finditer(text))
    phrases = tuple(filter(None, map(words, terms)))
    count = sum(map(len, phrases))
    if not count:
        raise ValueError("must contain a letter or a digit")
    if count > MAX_SEARCH_WORDS:
        raise ValueError(f"must have at most {MAX_SEARCH_WORDS} words")
    return Search(phrases)
