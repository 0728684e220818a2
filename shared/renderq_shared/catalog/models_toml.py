"""`models.toml` → the catalog. What an entry leaves out comes from the model's own files."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from renderq.contract import ModelDefaults, ModelLimits
from renderq.contract.requests import Scheduler, WatermarkText
from renderq_shared.catalog.entries import Catalog, Dtype, Memory, ModelEntry
from renderq_shared.catalog.hub_cache import HUB_PREFIX, HubSource, default_cache
from renderq_shared.catalog.layouts import check_complete, detect_layout, layout_folder
from renderq_shared.catalog.pipeline_config import PipelineInfo, inspect_pipeline
from renderq_shared.catalog.revision import compute_revision
from renderq_shared.checkpoints import SUFFIXES, read_tensors
from renderq_shared.errors import CatalogInvalid, CheckpointUnreadable

BUILTIN = "builtin:shapes"
"""Source of the model that ships with renderq."""


class DefaultsConfig(BaseModel):
    """What a request gets where it says nothing, as far as the entry says so."""

    model_config = ConfigDict(extra="forbid")

    width: int | None = Field(default=None, ge=8, multiple_of=8)
    height: int | None = Field(default=None, ge=8, multiple_of=8)
    steps: int | None = Field(default=None, ge=1)
    guidance_scale: float | None = Field(default=None, ge=0)
    guidance_rescale: float | None = Field(default=None, ge=0)
    clip_skip: int | None = Field(default=None, ge=0)
    scheduler: Scheduler | None = None


class ModelConfig(BaseModel):
    """One `[models.NAME]` table."""

    model_config = ConfigDict(extra="forbid")

    source: str
    """A folder or file, relative to `models.toml`; `hub:OWNER/NAME` or `hub:OWNER/NAME/FILE`; or `builtin:shapes`."""
    revision: str | None = None
    """Of the hub: a branch, tag or commit."""
    variant: str | None = None
    layout: str | None = None
    """For a file: a shipped layout, or a folder with the configuration; found in the file where that is possible."""
    description: str = ""
    license: str = ""
    dtype: Dtype = "auto"
    watermark: WatermarkText | None = None
    """Written into the pixels of all its pictures; no request can say otherwise."""
    memory: Memory = "auto"
    defaults: DefaultsConfig = DefaultsConfig()
    max_side: int | None = Field(None, ge=8)

    @property
    def hub(self) -> HubSource | None:
        """Where on the hub it is. Raises `CatalogInvalid`."""
        return HubSource.parse(self.source, self.revision) if self.source.startswith(HUB_PREFIX) else None


class ModelsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    default: str | None = None
    models: dict[str, ModelConfig] = Field(min_length=1)


_BUILTIN_FILE = ModelsFile(
    models={
        "shapes": ModelConfig(
            source=BUILTIN,
            description="Colored shapes on colored grounds; ships with renderq and needs no download.",
            license="Apache-2.0",
            dtype="float32",
            defaults=DefaultsConfig(steps=20, guidance_scale=2.0),
            max_side=512,
        )
    }
)

_FAMILY_DEFAULTS: Mapping[str, Mapping[str, int | float]] = {
    "stable_diffusion": {"steps": 25, "guidance_scale": 7.5},
    "sdxl": {"steps": 30, "guidance_scale": 5.0},
    "pipeline": {"steps": 28, "guidance_scale": 4.0},
}


def load_catalog(path: Path | None, cache: Path | None = None) -> Catalog:
    """Read `models.toml`; without a file the catalog holds the built-in model alone.

    `cache` is the hub's, by default where its own tools keep it. Raises `CatalogInvalid` with the file, the entry and
    what to do.
    """
    parsed = read_models_file(path)
    entries = {name: resolve_entry(name, entry, path, cache) for name, entry in parsed.models.items()}
    default = parsed.default or next(iter(entries))
    return Catalog(models=(entries.pop(default), *entries.values()))


def read_models_file(path: Path | None) -> ModelsFile:
    """What the file says, without looking at any model. Raises `CatalogInvalid`."""
    if path is None:
        return _BUILTIN_FILE
    try:
        parsed = ModelsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CatalogInvalid(f"{path} cannot be read: {error.strerror}; set RENDERQ_MODELS to a models.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogInvalid(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise CatalogInvalid(f"{path}: {_first(error)}") from error
    if parsed.default is not None and parsed.default not in parsed.models:
        known = ", ".join(parsed.models)
        raise CatalogInvalid(f"{path}: default = {parsed.default!r} names no model; there are {known}")
    return parsed


def resolve_entry(name: str, entry: ModelConfig, path: Path | None, cache: Path | None = None) -> ModelEntry:
    """The entry with everything that the model's files say. Raises `CatalogInvalid` with file and entry."""
    try:
        return _described(name, entry, path.parent if path else Path(), cache or default_cache())
    except (CatalogInvalid, CheckpointUnreadable) as error:
        raise CatalogInvalid(f"{f'{path}: ' if path else ''}model {name!r}: {error}") from error


def _described(name: str, entry: ModelConfig, base: Path, cache: Path) -> ModelEntry:
    source = _located(entry, base, cache)
    layout = _layout(entry, source, base)
    description = inspect_pipeline(layout or source)
    _check_capabilities(entry.defaults, description)
    try:
        return ModelEntry(
            name=name,
            source=str(source),
            layout=str(layout) if layout else None,
            variant=entry.variant,
            description=entry.description,
            family=description.family,
            tasks=description.tasks,
            revision=compute_revision(source, layout),
            license=entry.license,
            dtype=entry.dtype,
            watermark=entry.watermark,
            memory=entry.memory,
            defaults=_defaults(entry, description),
            limits=_limits(entry, description),
            schedulers=description.schedulers,
            supports_negative_prompt=description.supports_negative_prompt,
            has_depth_estimator=description.has_depth_estimator and layout is None,  # a single file holds no estimator
        )
    except ValidationError as error:
        raise CatalogInvalid(_first(error)) from error


def _defaults(entry: ModelConfig, description: PipelineInfo) -> ModelDefaults:
    native = {"width": description.native_size, "height": description.native_size}
    config = entry.defaults.model_dump(exclude_none=True)
    return ModelDefaults.model_validate({**native, **_FAMILY_DEFAULTS[description.family], **config})


def _check_capabilities(config: DefaultsConfig, description: PipelineInfo) -> None:
    """Raises `CatalogInvalid` for a default that every request would be refused for."""
    if config.scheduler is not None and not description.schedulers:
        raise CatalogInvalid("it runs with its own scheduler only; leave defaults.scheduler out")
    for name, side in (("width", config.width), ("height", config.height)):
        if side is not None and side % description.size_multiple:
            raise CatalogInvalid(f"defaults.{name} = {side} is no multiple of {description.size_multiple}")
    for name, value, most in (
        ("clip_skip", config.clip_skip, description.max_clip_skip),
        ("guidance_rescale", config.guidance_rescale, description.max_guidance_rescale),
    ):
        if value is not None and value > most:
            raise CatalogInvalid(f"defaults.{name} = {value:g} is more than the {most:g} that the model knows")


def _limits(entry: ModelConfig, description: PipelineInfo) -> ModelLimits:
    max_side = entry.max_side or description.max_side
    return ModelLimits(
        max_side=max_side,
        max_pixels=max_side * max_side,
        size_multiple=description.size_multiple,
        max_clip_skip=description.max_clip_skip,
        max_guidance_rescale=description.max_guidance_rescale,
        max_noise_level=description.max_noise_level,
    )


def _located(entry: ModelConfig, base: Path, cache: Path) -> Path:
    """The folder or file that `source` means. Raises `CatalogInvalid`."""
    if entry.source == BUILTIN:
        return Path(str(files("renderq_worker.builtin"))) / "shapes"
    hub = entry.hub
    if hub is not None:
        return hub.cached_path(cache)
    if entry.revision is not None:
        raise CatalogInvalid("revision belongs to a source on the hub; leave it out")
    source = (base / Path(entry.source).expanduser()).resolve()
    if not source.exists():
        raise CatalogInvalid(f"{source} does not exist; source is a folder, a file, or hub:OWNER/NAME")
    return source


def _layout(entry: ModelConfig, source: Path, base: Path) -> Path | None:
    """Where the configuration of a single file is; a folder has its own. Raises `CatalogInvalid`."""
    if source.is_dir():
        if entry.layout is not None:
            raise CatalogInvalid("layout belongs to a single file; a folder brings its own configuration")
        return None
    if entry.variant is not None:
        raise CatalogInvalid("variant belongs to a folder; a single file holds one set of weights")
    if source.suffix not in SUFFIXES:
        raise CatalogInvalid(f"{source} is neither a folder nor a file of weights ({', '.join(SUFFIXES)})")
    tensors = read_tensors(source)
    if entry.layout is None:
        return detect_layout(tensors)
    check_complete(tensors)
    own = (base / Path(entry.layout).expanduser()).resolve()
    return own if own.is_dir() else layout_folder(entry.layout)


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
