"""Fields that a request gives: clients of other services send null and empty texts for what they omit."""

from collections.abc import Mapping
from typing import Any


def given_fields(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are not omitted."""
    return {name: value for name, value in sent.items() if value is not None and value != ""}
