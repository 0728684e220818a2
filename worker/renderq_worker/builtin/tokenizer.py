"""Tokenizer: byte-level BPE in CLIP's format, learned from the captions.

Every byte is a token of its own, inside a word and at its end, so that any text can be tokenized.
"""

from collections import Counter
from itertools import pairwise
from random import Random
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from renderq_worker.builtin.captions import caption
from renderq_worker.builtin.scenes import Kind, sample_scene

MAX_TOKENS = 32
"""Tokens of one prompt, including start and end tokens."""
_WORD_END = "</w>"
_MERGES = 416
_CAPTIONS = 4000
_MIX: dict[Kind, float] = {"one": 0.62, "two": 0.28, "count": 0.10}
"""Fixed here, so that a change of the training mix does not renumber the tokens."""


def build_tokenizer(seed: int = 0) -> CLIPTokenizer:
    """Learn the merges from sampled captions; the same seed gives the same tokenizer."""
    rng = Random(seed)
    text = " ".join(caption(sample_scene(rng, _MIX), rng) for _ in range(_CAPTIONS))
    merges = _learn_merges(Counter(text.replace(",", " ,").split()))
    alphabet = sorted(ByteLevel.alphabet())
    tokens = [*alphabet, *(byte + _WORD_END for byte in alphabet), *(left + right for left, right in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    learned: dict[str, Any] = {"vocab": {token: index for index, token in enumerate(tokens)}, "merges": merges}
    return CLIPTokenizer(**learned, model_max_length=MAX_TOKENS)


def _learn_merges(words: Counter[str]) -> list[tuple[str, str]]:
    """Byte-pair encoding (Sennrich et al., 2016): merge the most frequent pair, ties in alphabetical order."""
    splits = {word: [*word[:-1], word[-1] + _WORD_END] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < _MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(splits[word]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, parts in splits.items():
            splits[word] = _merge(parts, best)
    return merges


def _merge(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged
