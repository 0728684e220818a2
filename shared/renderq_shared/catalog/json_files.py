"""Configuration files of models."""

import json
from pathlib import Path
from typing import Any

from renderq_shared.errors import CatalogInvalid

INDEX = "model_index.json"
"""File that makes a folder one of a diffusers pipeline."""

_MAX_BYTES = 5_000_000
"""Bound of the memory that reading takes. The largest published files, which map weights to files, have 0.3 MB."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises `CatalogInvalid`, also for NaN, which no configuration holds."""
    if path.exists() and not path.is_file():  # reading a pipe or a device does not end
        raise CatalogInvalid(f"{path} is not a file; download it again")
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise CatalogInvalid(f"{path} has more than {_MAX_BYTES:,} bytes, which no configuration has")
        parsed = json.loads(content.decode("utf-8"), parse_constant=_constant)
    except OSError as error:
        raise CatalogInvalid(
            f"{path} cannot be read ({error.strerror}); source must be the folder of a diffusers pipeline"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CatalogInvalid(f"{path} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise CatalogInvalid(f"{path} must hold a JSON object")
    return parsed


def _constant(name: str) -> float:
    """Return an infinity, which schedulers write; JSON itself has none."""
    if name == "NaN":
        raise ValueError("NaN is not a number")
    return float(name)
