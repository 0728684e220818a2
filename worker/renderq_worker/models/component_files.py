"""Files of a component other than weights, before a library reads them."""

from pathlib import Path
from typing import Any

from renderq_shared.catalog.config_values import read_config
from renderq_worker.models.config_types import check_types
from renderq_worker.models.errors import ModelLoadFailed

_TYPED = ("config.json", "scheduler_config.json")
"""Files whose keys are the arguments of the component's class."""
_OTHERS = ("tokenizer_config.json", "preprocessor_config.json", "processor_config.json", "generation_config.json")

_READ_WHOLE = (".json", ".txt", ".model", ".jinja")
"""Suffixes of vocabularies and templates."""
_MAX_BYTES = 40_000_000
"""Bound of a vocabulary; Gemma's has 34 MB."""


def check_configs(folder: Path, component_class: Any) -> None:
    """Raise `CatalogInvalid` or `ModelLoadFailed` for a value of another type or out of range, which name its key."""
    for name in (*_TYPED, *_OTHERS):
        if (folder / name).exists():
            config = read_config(folder / name)
            if name in _TYPED:
                check_types(folder / name, config, component_class)


def check_files(folder: Path) -> None:
    """Raise `ModelLoadFailed` for what no library should read: pipes, devices, and files beyond any vocabulary."""
    for path in folder.iterdir():
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ModelLoadFailed(f"{path} is not a file; download it again")
        if path.suffix in _READ_WHOLE and path.is_file() and path.stat().st_size > _MAX_BYTES:
            raise ModelLoadFailed(f"{path} has more than {_MAX_BYTES:,} bytes, which no vocabulary has")
