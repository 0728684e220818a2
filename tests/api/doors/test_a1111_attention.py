"""Weights in AUTOMATIC1111's prompts."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq_api.doors.a1111.attention import MAX_DEPTH, PromptNotSupported, convert_attention
from renderq_shared.prompt_attention import Fragment, parse_prompt_attention


@pytest.mark.parametrize(
    ("prompt", "converted"),
    [
        ("a plain prompt: with colons, 16:9", "a plain prompt: with colons, 16:9"),
        ("(abc)", "(abc:1.1)"),
        ("[abc]", "(abc:0.9091)"),
        ("(abc:3.12)", "(abc:3.12)"),
        ("(abc : 0.5 )", "(abc :0.5)"),
        ("((abc))", "(abc:1.21)"),
        ("an (important) word", "an (important:1.1) word"),
        ("(unbalanced", "(unbalanced:1.1)"),
        ("unbalanced)", r"unbalanced\)"),
        (r"\(literal\]", r"\(literal]"),
        ("(unnecessary)(parens)", "(unnecessaryparens:1.1)"),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            "a (house:1.573) on( a :1.1)(hill:0.55)(, sun, :1.1)(sky:1.4641).",
        ),
        (r"(anime \(style\):1.2)", r"(anime \(style\):1.2)"),
        ("[red|blue] and [a:b:0.5]", "[red|blue] and [a:b:0.5]"),
        ("(16:9)", "16"),
        ("(level 5:2)", "(level 5:2.0)"),
        ("(a:0)", "(a:0.0)"),
        ("", ""),
    ],
)
def test_weights_become_ours(prompt: str, converted: str) -> None:
    assert convert_attention(prompt) == converted


@pytest.mark.parametrize("prompt", ["(a:-1)", "(a:11)", "((((a:2):2):2):2)", "(" * (MAX_DEPTH + 1)])
def test_weights_that_renderq_does_not_have_are_refused(prompt: str) -> None:
    with pytest.raises(PromptNotSupported, match=r"\.$"):
        convert_attention(prompt)


def test_a_bracket_with_a_million_bars_is_read_in_one_pass() -> None:
    """Its time would be hours if it grew with the square of the length."""
    prompt = "[" + "|" * 1_000_000
    assert convert_attention(prompt) == f"({prompt[1:]}:0.9091)"


WORDS = st.text("ab ,'", max_size=5).map(lambda text: f"{text}c")


@given(st.lists(st.tuples(WORDS, st.integers(-3, 3)), min_size=1, max_size=5))
def test_every_part_keeps_its_weight(parts: list[tuple[str, int]]) -> None:
    prompt = "".join(f"{'(' * up}{'[' * -up}{text}{']' * -up}{')' * up}" for text, up in parts)
    expected: list[Fragment] = []
    for text, up in parts:
        weight = round(1.1**up, 4)
        if expected and expected[-1].weight == weight:
            text = expected.pop().text + text
        expected.append(Fragment(text, weight))
    assert parse_prompt_attention(convert_attention(prompt)) == expected


@given(st.text("ab()[]\\:|1.5 ", max_size=40))
def test_any_prompt_is_converted_or_refused(prompt: str) -> None:
    with contextlib.suppress(PromptNotSupported):
        parse_prompt_attention(convert_attention(prompt))
