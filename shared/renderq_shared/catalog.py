"""The catalog: which models there are, what they can do, and what a request gets by default. Parsed without torch."""

import hashlib
import json
import re
import tomllib
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from renderq.contract import ModelDefaults, ModelLimits
from renderq_shared.errors import CatalogInvalid

Dtype = Literal["auto", "float32", "bfloat16", "float16"]

BUILTIN = "builtin:shapes"
"""Source of the model that ships with renderq."""

_FAMILIES: dict[str, str] = {"StableDiffusionPipeline": "stable_diffusion"}
"""diffusers pipeline class, as `model_index.json` names it → our family."""

_TASKS: dict[str, tuple[str, ...]] = {"stable_diffusion": ("txt2img",)}


class ModelEntry(BaseModel):
    """One model of the catalog."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$")
    source: str
    """Folder of a diffusers pipeline."""
    description: str = ""
    family: str
    tasks: tuple[str, ...]
    revision: str
    """Names the exact weights: a digest of the pipeline's files."""
    licence: str = ""
    dtype: Dtype = "auto"
    defaults: ModelDefaults
    limits: ModelLimits


class Catalog(BaseModel):
    """All models, the default one first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        if len(self._by_name) != len(self.models):
            raise ValueError("two models have the same name")
        return self

    @cached_property
    def _by_name(self) -> dict[str, ModelEntry]:
        return {entry.name: entry for entry in self.models}

    @property
    def default(self) -> ModelEntry:
        return self.models[0]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name)

    def get(self, name: str) -> ModelEntry | None:
        return self._by_name.get(name)


class _FileEntry(BaseModel):
    """One `[models.NAME]` table of `models.toml`; what it leaves out comes from the pipeline's files."""

    model_config = ConfigDict(extra="forbid")

    source: str
    description: str = ""
    licence: str = ""
    dtype: Dtype = "auto"
    defaults: dict[str, int | float | str] = Field(default_factory=dict)
    max_side: int | None = Field(None, ge=8)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    default: str | None = None
    models: dict[str, _FileEntry] = Field(min_length=1)


_BUILTIN_ENTRY = _FileEntry(
    source=BUILTIN,
    description="Coloured shapes on coloured grounds; ships with renderq and needs no download.",
    licence="Apache-2.0",
    dtype="float32",
    defaults={"steps": 20, "guidance_scale": 2.0},
    max_side=512,
)


def load_catalog(path: Path | None) -> Catalog:
    """Read `models.toml`; without a file the catalog holds the built-in model alone.

    Raises `CatalogInvalid` with the file, the entry and what to do.
    """
    if path is None:
        return Catalog(models=(_describe("shapes", _BUILTIN_ENTRY, Path()),))
    try:
        parsed = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CatalogInvalid(f"{path} cannot be read: {error.strerror}; set RENDERQ_MODELS to a models.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogInvalid(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogInvalid(f"{path}: {where}: {first['msg']}") from error
    entries = {name: _describe(name, entry, path.parent) for name, entry in parsed.models.items()}
    default = parsed.default or next(iter(entries))
    if default not in entries:
        raise CatalogInvalid(f"{path}: default = {default!r} names no model; there are {', '.join(entries)}")
    return Catalog(models=(entries.pop(default), *entries.values()))


def _describe(name: str, entry: _FileEntry, base: Path) -> ModelEntry:
    folder = _folder(entry.source, base)
    index = _read_json(name, folder / "model_index.json")
    pipeline_class = str(index.get("_class_name"))
    family = _FAMILIES.get(pipeline_class)
    if family is None:
        raise CatalogInvalid(
            f"model {name!r}: {folder} holds a {pipeline_class}; supported are {', '.join(sorted(_FAMILIES))}"
        )
    side = _native_side(name, folder)
    max_side = entry.max_side or side * 2
    try:
        return ModelEntry(
            name=name,
            source=str(folder),
            description=entry.description,
            family=family,
            tasks=_TASKS[family],
            revision=_revision(folder),
            licence=entry.licence,
            dtype=entry.dtype,
            defaults=ModelDefaults.model_validate(
                {"width": side, "height": side, "steps": 25, "guidance_scale": 7.5, **entry.defaults}
            ),
            limits=ModelLimits(max_side=max_side, max_pixels=max_side * max_side),
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise CatalogInvalid(f"model {name!r}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _folder(source: str, base: Path) -> Path:
    if source == BUILTIN:
        return Path(str(files("renderq_worker.builtin"))) / "shapes"
    return (base / Path(source).expanduser()).resolve()


def _read_json(name: str, path: Path) -> dict[str, object]:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CatalogInvalid(
            f"model {name!r}: {path} cannot be read ({error.strerror}); "
            "source must be the folder of a diffusers pipeline"
        ) from error
    except ValueError as error:
        raise CatalogInvalid(f"model {name!r}: {path} is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise CatalogInvalid(f"model {name!r}: {path} must hold a JSON object")
    return parsed


def _native_side(name: str, folder: Path) -> int:
    """Trained width and height: the UNet's sample size times the autoencoder's reduction factor."""
    unet = _read_json(name, folder / "unet" / "config.json")
    vae = _read_json(name, folder / "vae" / "config.json")
    blocks, sample = vae.get("block_out_channels"), unet.get("sample_size")
    if not isinstance(blocks, list) or not isinstance(sample, int):
        raise CatalogInvalid(f"model {name!r}: {folder} lacks unet sample_size or vae block_out_channels")
    return sample * 2 ** (len(blocks) - 1)


def _revision(folder: Path) -> str:
    """A digest of names, sizes and small files, so that it is quick even for gigabytes of weights.

    Weight files count with their size and first 64 KiB, which hold the safetensors header.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and re.search(r"\.(json|safetensors|txt|bin)$", path.name):
            digest.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                digest.update(file.read(65_536))
    return digest.hexdigest()[:16]
