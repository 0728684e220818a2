"""JSON pointers of errors lead to the error in any body."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from renderq.contract import Txt2ImgRequest
from renderq_api.http.json_pointer import pointer
from renderq_api.http.validation import field_errors

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted(Txt2ImgRequest.model_fields)) | st.text(max_size=8) | st.just("[key]")
METADATA = st.dictionaries(st.text(max_size=4) | st.just("[key]") | st.text("k", min_size=513, max_size=520), VALUES)
BODIES = st.dictionaries(KEYS, VALUES) | st.builds(lambda metadata: {"prompt": "x", "metadata": metadata}, METADATA)


def parts(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def resolves(text: str, body: Any) -> bool:
    for part in parts(text):
        if isinstance(body, list) and part.isdecimal() and int(part) < len(body):
            body = body[int(part)]
        elif isinstance(body, dict) and part in body:
            body = body[part]
        else:
            return False
    return True


@given(BODIES)
def test_every_pointer_leads_to_what_is_wrong(body: dict[str, Any]) -> None:
    try:
        Txt2ImgRequest.model_validate(body)
    except ValidationError as error:
        errors = field_errors(error, body, Txt2ImgRequest)
        assert 1 <= len(errors) <= 20
        for one in errors:
            assert resolves(one.pointer, body) is (one.code != "required"), one
            assert one.detail.endswith((".", "?"))
            assert len(json.dumps(one.model_dump())) < 5_000


@given(st.lists(st.text()))
def test_pointer_keeps_any_key(keys: list[str]) -> None:
    assert parts(pointer(*keys)) == keys


def test_pointer_escapes_as_the_rfc_says() -> None:
    assert pointer("a/b", "m~n", "~1") == "/a~1b/m~0n/~01"
    assert pointer() == ""
