"""Long prompts are split where a sentence, a phrase or a word ends."""

import contextlib
import time

import pytest
from transformers import CLIPTokenizer

from renderq_shared.catalog.layouts import layout_folder
from renderq_shared.prompt_attention import Fragment
from renderq_worker.engine.errors import PromptTooLong
from renderq_worker.engine.families.token_chunks import split_into_chunks
from renderq_worker.models.clip import clip_tokenizer

PHRASES = ", ".join(["detailed skin", "soft light", "old stone wall"] * 14)


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return clip_tokenizer(layout_folder("sd1") / "tokenizer")


def split(tokenizer: CLIPTokenizer, *parts: Fragment) -> list[str]:
    """Return the text of each chunk."""
    return [str(tokenizer.decode(list(chunk.tokens))) for chunk in split_into_chunks(parts, tokenizer)]


def words(count: int) -> str:
    return "sea " * count


@pytest.mark.parametrize("number", ["f/1.8 lens", "v2.0", "5.1 sound", "by mr. smith", "by j. r. smith", "st. ives"])
def test_a_full_stop_in_a_number_or_after_an_abbreviation_ends_no_sentence(
    tokenizer: CLIPTokenizer, number: str
) -> None:
    chunks = split(tokenizer, Fragment(f"{words(50)} {number}, {PHRASES}"))
    assert len(chunks) == 3
    assert all(chunk.endswith(",") for chunk in chunks[:-1])
    assert chunks[0].endswith(("light ,", "skin ,", "wall ,"))


@pytest.mark.parametrize("number", ["1920", "f/1.8", "16:9", "1,000,000", "2026-11-28"])
def test_no_number_is_cut(tokenizer: CLIPTokenizer, number: str) -> None:
    tokens = len(tokenizer(number, add_special_tokens=False).input_ids)
    for before in range(75 - tokens, 75):
        chunks = split(tokenizer, Fragment(f"{words(before)}{number} {words(20)}"))
        assert [number in chunk.replace(" ", "") for chunk in chunks].count(True) == 1


@pytest.mark.parametrize(
    ("text", "end"),
    [
        (f"{words(45)}. {words(5)}, {words(60)}", "."),
        (f"{words(20)}. {words(25)}, {words(60)}", ","),  # the sentence would leave more than half of the chunk empty
        (f"{words(20)}. {words(10)}, {words(70)}", "sea"),
        (f"{words(45)}! {words(60)}", "!"),
        ("best quality,masterpiece," * 30, ","),  # without spaces
        ("山と川、" * 60, "、"),
    ],
)
def test_the_split_is_behind_the_last_sentence_else_phrase_else_word_of_the_second_half(
    tokenizer: CLIPTokenizer, text: str, end: str
) -> None:
    assert split(tokenizer, Fragment(text))[0].endswith(end)


@pytest.mark.parametrize(
    "text", ["a" * 2000, "7" * 200, "🌊" * 100, "", " ", ",,,, " * 50, f"{words(75)}", f"{words(76)}"]
)
def test_every_token_is_in_one_chunk_and_every_chunk_fits(tokenizer: CLIPTokenizer, text: str) -> None:
    chunks = split_into_chunks([Fragment(text)], tokenizer)
    assert [id for chunk in chunks for id in chunk.tokens] == tokenizer(text, add_special_tokens=False).input_ids
    assert all(len(chunk.tokens) <= 75 for chunk in chunks)


def test_weights_stay_with_their_tokens(tokenizer: CLIPTokenizer) -> None:
    chunks = split_into_chunks([Fragment(words(70)), Fragment("fog " * 10, 0.5), Fragment("sun")], tokenizer)
    assert [weight for chunk in chunks for weight in chunk.weights] == [1.0] * 70 + [0.5] * 10 + [1.0]


@pytest.mark.parametrize("run", ["!?", ".'", ",", ")", ".", "1."])
def test_splitting_takes_linear_time(tokenizer: CLIPTokenizer, run: str) -> None:
    """In quadratic time this would take a minute."""
    started = time.perf_counter()
    with contextlib.suppress(PromptTooLong):
        split_into_chunks([Fragment(run * (64_000 // len(run)) + "x")], tokenizer)
    assert time.perf_counter() - started < 10
