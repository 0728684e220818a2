"""The tokenizer accepts any text."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from renderq_worker.builtin import PIPELINE_DIR
from renderq_worker.builtin.text_encoder import tokenize
from renderq_worker.builtin.tokenizer import MAX_TOKENS, build_tokenizer

TEXTS = [
    "",
    "   ",
    "a red circle on a blue background",
    "naïve façade",
    "🦄 東京 Ελλάδα",
    "\x00\x07",
    "zxqv!?;" * 40,
    "A  B\nC",
]


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer()


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_tokenizes_to_known_tokens(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text, truncation=True).input_ids
    assert 2 <= len(ids) <= MAX_TOKENS
    assert ids[0] == tokenizer.bos_token_id
    assert ids[-1] == tokenizer.eos_token_id
    assert all(0 <= token < len(tokenizer) for token in ids)
    assert tokenizer.eos_token_id not in ids[1:-1]


@pytest.mark.parametrize("text", ["a red circle", "naïve façade", "🦄 東京 ελλάδα"])
def test_bytes_are_a_lossless_fallback(tokenizer: CLIPTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_words_of_captions_are_one_token_each(tokenizer: CLIPTokenizer) -> None:
    text = "a small pink heart on the left on a black background"
    assert len(tokenizer(text).input_ids) == len(text.split()) + 2


def test_a_saved_tokenizer_is_the_same(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    restored = CLIPTokenizer.from_pretrained(tmp_path)
    assert tokenize(restored, TEXTS).equal(tokenize(tokenizer, TEXTS))


def test_the_shipped_tokenizer_is_the_one_that_the_code_builds(tokenizer: CLIPTokenizer) -> None:
    shipped = CLIPTokenizer.from_pretrained(PIPELINE_DIR / "tokenizer", local_files_only=True)
    assert shipped.model_max_length == MAX_TOKENS
    assert shipped.get_vocab() == tokenizer.get_vocab()
    assert tokenize(shipped, TEXTS).equal(tokenize(tokenizer, TEXTS))
