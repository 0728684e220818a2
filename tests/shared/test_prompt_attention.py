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
        ("(agent 11:1.2)", [Fragment("agent 11", 1.2)]),
        ("(version 2.1:1.2)", [Fragment("version 2.1", 1.2)]),
        ("(scene 2:3.5)", [Fragment("scene 2", 3.5)]),
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
        "(lap 1:03.4)",
        "(lap 12:43.4)",
        "(run of 2:05.)",
        "(at 1:02:03.4)",
        "(ratio 16:9)",
        "(at 12:30)",
    ],
)
def test_ratios_and_times_are_text(text: str) -> None:
    assert parse_prompt_attention(f"a clock {text}") == [Fragment(f"a clock {text}")]
    assert find_weights(text) == find_near_misses(text) == []


@pytest.mark.parametrize(
    ("prompt", "near_misses"),
    [
        ("(red:1,3) circle", ["(red:1,3)"]),
        ("(50mm 1:1.4) (figure 1 : 2.0)", ["(50mm 1:1.4)", "(figure 1 : 2.0)"]),
        ("(red:-1) circle", ["(red:-1)"]),
        ("(red:+1.3)", ["(red:+1.3)"]),
        ("(red:1.2.3)", ["(red:1.2.3)"]),
        ("(red:1e3) (blue:1E-1)", ["(red:1e3)", "(blue:1E-1)"]),
        ("(red:120%)", ["(red:120%)"]),
        ("(red:nan) (blue:-Inf) (sea:inf )", ["(red:nan)", "(blue:-Inf)", "(sea:inf )"]),
        ("(red:info) (blue: nana) infant:nan", []),
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
        ("((best quality)), a boat", ["((best quality))"]),
        ("(((red:1.3))) [[blur]] {{sea}}", ["(((red:1.3)))", "[[blur]]", "{{sea}}"]),
        (r"\(\(text\)\) and \[\[text]]", []),
        ("red:1.3, blue:.7", ["red:1.3", "blue:.7"]),
        ("red::2 blue::-0.5", ["red::2", "blue::-0.5"]),
        ("<lora:shapes_v2:1> <LoRA:sea>", ["<lora:shapes_v2:1>", "<LoRA:sea>"]),
        ("(red:1.3\u200b)", ["(red:1.3\u200b)"]),
        ("std::vector at 12:30, 2.39:1, f/1.8", []),
    ],
)
def test_text_that_looks_like_a_weight_is_found(prompt: str, near_misses: list[str]) -> None:
    assert find_near_misses(prompt) == near_misses


@pytest.mark.parametrize("weight", ["10.1", "15", "1000", "9" * 400])
def test_a_weight_above_ten_is_refused_with_a_way_to_write_the_text(weight: str) -> None:
    message = r"^\(dex:\d+.* sets a weight above 10; use a weight from 0 to 10, or write \\\( and \\\) for parentheses"
    with pytest.raises(PromptWeightTooHigh, match=message):
        parse_prompt_attention(f"a hero (dex:{weight})")


@pytest.mark.parametrize(
    "text",
    [
        *("(", ")", ":", "(:", "(a:", "(a:.1", ":1", ":1 ", " ", "\\", "(\\", "1", "(1:", ")+"),
        *("((", "[[", "{{", "((a", "{{a}", "a:1", "a::1.", "<lora:", ":\u200b"),
    ],
)
def test_parsing_takes_linear_time(text: str) -> None:
    prompt = f"({text * (8000 // len(text))}"
    started = time.perf_counter()
    parse_prompt_attention(prompt)
    find_near_misses(prompt)
    assert time.perf_counter() - started < 0.5


def test_a_scale_is_text() -> None:
    assert parse_prompt_attention("a lens (50mm 1:1.4) here") == [Fragment("a lens (50mm 1:1.4) here")]
    assert find_weights("(50mm 1:1.4)") == []
