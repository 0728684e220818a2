"""Strict JSON parsing (RFC 8259)."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq_api.http.strict_json import NotStrictJson, parse_object

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON), st.booleans(), st.sampled_from([None, 1]))
def test_every_object_is_read_and_its_canonical_form_is_one(
    value: dict[str, object], ascii_only: bool, indent: int | None
) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    parsed = parse_object(data)
    assert parsed.fields == value
    backwards = json.dumps(dict(reversed(value.items()))).encode()
    assert parse_object(backwards).canonical == parsed.canonical
    assert parse_object(parsed.canonical) == parsed


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotStrictJson):
        parse_object(data)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_numbers_that_are_none(number: str) -> None:
    with pytest.raises(NotStrictJson, match=r"finite|large"):
        parse_object(f'{{"a": [{number}]}}'.encode())


def test_depth_that_python_can_bear_is_read() -> None:
    assert parse_object(b'{"a":' + b"[" * 100 + b"]" * 100 + b"}").fields


def test_an_object_has_a_thousand_fields_at_most() -> None:
    def body(count: int) -> bytes:
        return json.dumps({"a": [{f"key {number}": "" for number in range(count)}]}).encode()

    assert parse_object(body(1_000), max_values=9_999)
    with pytest.raises(NotStrictJson, match=r"an object of the body has more than 1,000 fields") as refused:
        parse_object(body(1_001), max_values=9_999)
    assert refused.value.code == "too_many_values"
