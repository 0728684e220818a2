"""The header `traceparent`, from clients of all kinds."""

import pytest

from renderq_shared.tracing import parse_traceparent

VALID = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        (VALID, VALID),
        (f" {VALID} ", VALID),
        (f"cc{VALID[2:]}-what-the-future-brings", VALID),
        (None, None),
        ("", None),
        (VALID.upper(), None),
        (f"ff{VALID[2:]}", None),
        (f"{VALID}-more", None),
        (f"cc{VALID[2:]}x", None),
        (VALID.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32), None),
        (VALID.replace("b7ad6b7169203331", "0" * 16), None),
        (VALID[:-1], None),
        ("x" * 100_000, None),
    ],
)
def test_only_valid_headers_name_a_trace(header: str | None, parsed: str | None) -> None:
    assert parse_traceparent(header) == parsed
