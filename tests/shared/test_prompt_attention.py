"""Weights in prompts, and text that looks like a weight."""

import time

import pytest

from renderq_shared.errors import PromptWeightTooHigh
from renderq_shared.prompt_attention import Fragment, find_near_misses, find_weights, parse_prompt_attention


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a cat", [Fragment("a cat")]),
        ("", [Fragment("")]),
        ("a (cat:1.3) sat", [Fragment("a "), Fragment("cat", 1.3), Fragment(" sat")]),
        ("(a cat:0.5)", [Fragment("a cat", 0.5)]),
        ("(cat: 1.3)", [Fragment("cat", 1.3)]),
        ("(cat:1.3 )", [Fragment("cat", 1.3)]),
        ("(cat:.5)", [Fragment("cat", 0.5)]),
        ("(cat:2.)", [Fragment("cat", 2.0)]),
        ("(cat:0)", [Fragment("cat", 0.0)]),
        ("(cat:10)", [Fragment("cat", 10.0)]),
        ("a (cat) at 12:30, (so:so)", [Fragment("a (cat) at 12:30, (so:so)")]),
        (r"saber \(fate:2\)", [Fragment("saber (fate:2)")]),
        (r"(saber \(fate\):2)", [Fragment("saber (fate)", 2.0)]),
        ("c++ and -- stay", [Fragment("c++ and -- stay")]),
        ("(blade runner 2049:1.2)", [Fragment("blade runner 2049", 1.2)]),
    ],
)
def test_only_a_weight_in_parentheses_is_a_weight(prompt: str, parts: list[Fragment]) -> None:
    assert parse_prompt_attention(prompt) == parts
    assert find_near_misses(prompt) == []


@pytest.mark.parametrize(
    "text",
    [
        "(16:9)",
        "(aspect 16:9)",
        "(12:30)",
        "(at 10:30)",
        "(10:30:15)",
        "(2.39:1)",
        "(1:1.85)",
        "(scale 1:64)",
        "(3:16)",
    ],
)
def test_ratios_and_times_are_text(text: str) -> None:
    assert parse_prompt_attention(f"a clock {text}") == [Fragment(f"a clock {text}")]
    assert find_weights(text) == find_near_misses(text) == []


@pytest.mark.parametrize(
    ("prompt", "near_misses"),
    [
        ("(red:1,3) circle", ["(red:1,3)"]),
        ("(red:-1) circle", ["(red:-1)"]),
        ("(red:+1.3)", ["(red:+1.3)"]),
        ("(red:1.2.3)", ["(red:1.2.3)"]),
        ("(red:120%)", ["(red:120%)"]),
        ("((red:1.3) circle:1.2)", ["circle:1.2)"]),
        ("(red (dark) circle:1.2)", ["circle:1.2)"]),
        ("[red:1.3] {blue:0.5}", ["[red:1.3]", "{blue:0.5}"]),
        ("<lora:shapes:0.8>", ["<lora:shapes:0.8>"]),
        ("（red：1.3）", ["（red：1.3）"]),
        ("(red)1.3 circle", ["(red)1.3"]),
        ("(red)++ (blue)--", ["(red)++", "(blue)--"]),
        ("a (red:1.3 circle", ["(red:1.3 circle"]),
        ("(red:1,3)(blue:1.3)[green:2]", ["(red:1,3)", "[green:2]"]),
        ("a red-haired (tall)-ish woman, ratio [16:9], :)", []),
    ],
)
def test_text_that_looks_like_a_weight_is_found(prompt: str, near_misses: list[str]) -> None:
    assert find_near_misses(prompt) == near_misses


@pytest.mark.parametrize("weight", ["10.1", "15", "1000", "9" * 400])
def test_a_weight_above_ten_is_refused_with_a_way_to_write_the_text(weight: str) -> None:
    message = r"^\(dex:\d+.* sets a weight above 10; use a weight from 0 to 10, or write \\\( and \\\) for parentheses"
    with pytest.raises(PromptWeightTooHigh, match=message):
        parse_prompt_attention(f"a hero (dex:{weight})")


@pytest.mark.parametrize("text", ["(", ")", ":", "(:", "(a:", "(a:.1", ":1", ":1 ", " ", "\\", "(\\", "1", "(1:", ")+"])
def test_parsing_takes_linear_time(text: str) -> None:
    prompt = f"({text * (8000 // len(text))}"
    started = time.perf_counter()
    parse_prompt_attention(prompt)
    find_near_misses(prompt)
    assert time.perf_counter() - started < 0.5
