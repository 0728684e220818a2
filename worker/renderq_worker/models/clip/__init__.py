"""Tokenizer of CLIP and OpenCLIP, built from its merges, for single files, which lack one."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

_MERGES = Path(__file__).parent / "merges.txt"
_PRINTABLE = (range(ord("!"), ord("~") + 1), range(ord("¡"), ord("¬") + 1), range(ord("®"), ord("ÿ") + 1))
"""Bytes that represent themselves; they have the first token ids, in this order (GPT-2's byte-level alphabet)."""


def clip_tokenizer(configuration: Path) -> CLIPTokenizer:
    """Return the tokenizer with the length and padding of `tokenizer_config.json` in this folder."""
    options = json.loads((configuration / "tokenizer_config.json").read_text(encoding="utf-8"))
    options.pop("tokenizer_class")
    learned: dict[str, Any] = {"vocab": _vocabulary(), "merges": _merges()}
    return CLIPTokenizer(**learned, **options)


@cache
def _merges() -> list[tuple[str, str]]:
    lines = _MERGES.read_text(encoding="utf-8").splitlines()
    return [(left, right) for left, right in (line.split(" ") for line in lines)]


def _vocabulary() -> dict[str, int]:
    """Return token → id: every byte, every byte at the end of a word, the merges in order, start and end."""
    plain = [chr(byte) for bytes in _PRINTABLE for byte in bytes]
    letters = [*plain, *sorted(set(ByteLevel.alphabet()) - set(plain))]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(left + right for left, right in _merges())]
    return {token: id for id, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
