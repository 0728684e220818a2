"""Sources of models: the folder or file that an entry of `models.toml` names."""

import os
import re
from importlib.resources import files
from pathlib import Path

from renderq_shared.catalog.models_toml import ModelConfig, SourceConfig
from renderq_shared.errors import CatalogInvalid

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
BUILTIN = "builtin:shapes"
"""Source of the model that ships with renderq."""
BUILTIN_LORA = "builtin:ink"
"""Source of its LoRA."""


def locate(config: SourceConfig, base: Path, cache: Path) -> Path:
    """Return the folder or file that `source` names. Raises `CatalogInvalid`."""
    if config.source == BUILTIN:
        return Path(str(files("renderq_worker.builtin"))) / "shapes"
    if config.source == BUILTIN_LORA:
        return Path(str(files("renderq_worker.builtin"))) / "ink.safetensors"
    hub = config.hub
    if hub is not None:
        return hub.cached_path(cache)
    if config.revision is not None:
        raise CatalogInvalid("revision belongs to a source on the hub; omit it")
    if not config.source.strip():
        raise CatalogInvalid("source is empty; it is a folder, a file, or hub:OWNER/NAME")
    source = _local_path(config.source, base)
    if not source.exists():
        raise CatalogInvalid(_absence(config.source, source))
    return source


def published_names(config: ModelConfig, source: Path) -> tuple[str, ...]:
    """Return the names of repository, folder or file, without those of owners and commits."""
    hub = config.hub
    if hub is None:
        return (source.name,)
    return tuple(Path(name).name for name in (hub.file, hub.repository) if name)


def _absence(written: str, path: Path) -> str:
    """Return what is wrong with a source that does not exist."""
    if "://" in written:
        return f"source {written!r} is an address; write hub:OWNER/NAME, or download the model and write its path"
    if path.is_symlink():
        return f"{path} is a link to {path.readlink()}, which does not exist; download it again"
    hint = f"; from the hub, it is hub:{written}" if _REPOSITORY.fullmatch(written) else ""
    return f"{path} does not exist; source is a folder, a file, or hub:OWNER/NAME{hint}"


def _local_path(source: str, base: Path) -> Path:
    """Return the absolute path. Symbolic links keep their names: the hub's cache links to files without suffix."""
    try:
        return Path(os.path.abspath(base / Path(source).expanduser()))  # noqa: PTH100
    except (RuntimeError, ValueError) as error:  # an unknown user after ~, a null character
        raise CatalogInvalid(f"source {source!r} is not a path: {error}") from error
