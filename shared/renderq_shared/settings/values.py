"""Values of settings: cleaned as environment files write them, checked, and described in errors."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from renderq_shared.field_values import expected, shortened

PREFIX = "RENDERQ_"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?:/|~|$)")
_PATH_BYTES, _NAME_BYTES = 1_000, 255
"""Paths of files below them stay within the operating system's 4,096 bytes."""


class CleanEnvironment(EnvSettingsSource):
    """The environment, without the white space and quotes that some readers of environment files leave around values.

    A variable that is empty then is unset, as environment files cannot express the difference.
    """

    def __call__(self) -> dict[str, Any]:
        cleaned = {name: _clean(value) for name, value in super().__call__().items()}
        return {name: value for name, value in cleaned.items() if value != ""}


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def check_text(value: object) -> object:
    """Return a value unchanged. Raises `ValueError` for text that cannot be a value of any setting."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(text, str | Path) and not all(character.isprintable() for character in str(text)):
        raise ValueError("must be UTF-8 text without line breaks and other control characters")
    return value


def expand(path: Path) -> Path:
    """Replace `~` and `~USER` at the beginning. Raises `ValueError`, also for URLs and names that are too long."""
    if _URL.match(str(path)):
        raise ValueError("must be a path, not a URL")
    if len(bytes(path)) > _PATH_BYTES or any(len(part.encode()) > _NAME_BYTES for part in path.parts):
        raise ValueError(f"must be a path of at most {_PATH_BYTES} bytes, {_NAME_BYTES} for each name")
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError("must be a path; the home folder that ~ names is unknown") from error


def describe_errors(error: ValidationError, fields: dict[str, FieldInfo]) -> tuple[str, ...]:
    """Return one line per invalid setting: its variable, what it must be, and what it is unless that is secret."""
    return tuple(_describe(details, fields[str(details["loc"][0])]) for details in error.errors())


def _describe(details: ErrorDetails, field: FieldInfo) -> str:
    name, value = str(details["loc"][0]), details["input"]
    own = details.get("ctx", {}).get("error") if details["type"] == "value_error" else None
    text = f"{variable(name)} {own or f'must be {expected(field)}'}"
    return text if _is_secret(field, value) else f"{text} (got {shortened(value)})"


def _is_secret(field: FieldInfo, value: object) -> bool:
    """Return whether a value may contain a password."""
    has_credentials = re.search(r"@|password", str(value), re.IGNORECASE) is not None
    return has_credentials or SecretStr in get_args(field.annotation) or isinstance(value, SecretStr)


def _clean(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    return text


def split_list(text: str) -> Iterable[str]:
    """Return the parts of a comma-separated list, without empty ones."""
    return filter(None, map(str.strip, text.split(",")))
