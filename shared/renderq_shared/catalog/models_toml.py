"""`models.toml` → the catalog; the model's own files supply the fields that an entry omits."""

import tomllib
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from renderq.contract import ModelDefaults, ModelLimits, SamplingOverrides
from renderq.contract.requests import WatermarkText
from renderq_shared.catalog.entries import Catalog, Dtype, Memory, ModelEntry
from renderq_shared.catalog.hub_cache import HUB_PREFIX, HubSource, default_cache
from renderq_shared.catalog.layouts import check_complete, detect_layout, layout_folder
from renderq_shared.catalog.pipeline_config import PipelineInfo, inspect_pipeline
from renderq_shared.catalog.revision import compute_revision
from renderq_shared.checkpoints import SUFFIXES, read_tensors
from renderq_shared.errors import CatalogInvalid, CheckpointUnreadable

BUILTIN = "builtin:shapes"
"""Source of the model that ships with renderq."""


class DefaultsConfig(SamplingOverrides, frozen=True):
    """The `defaults` of an entry; an omitted field takes the family's value."""

    model_config = ConfigDict(extra="forbid")

    width: int | None = Field(default=None, ge=8, multiple_of=8)
    height: int | None = Field(default=None, ge=8, multiple_of=8)


class ModelConfig(BaseModel):
    """One `[models.NAME]` table."""

    model_config = ConfigDict(extra="forbid")

    source: str
    """A folder or file, relative to `models.toml`; `hub:OWNER/NAME` or `hub:OWNER/NAME/FILE`; or `builtin:shapes`."""
    revision: str | None = None
    """Branch, tag or commit of a source on the hub."""
    variant: str | None = None
    layout: str | None = None
    """Layout of a file: a shipped one, or a folder with the configuration; detected from the file if omitted."""
    description: str = ""
    license: str = ""
    dtype: Dtype = "auto"
    watermark: WatermarkText | None = None
    """Embedded into all its images; a request cannot override it."""
    memory: Memory = "auto"
    defaults: DefaultsConfig = DefaultsConfig()
    max_side: int | None = Field(None, ge=8)

    @property
    def hub(self) -> HubSource | None:
        """Location on the hub; `None` for a local source. Raises `CatalogInvalid`."""
        return HubSource.parse(self.source, self.revision) if self.source.startswith(HUB_PREFIX) else None


class ModelsFile(BaseModel):
    """A whole `models.toml`."""

    model_config = ConfigDict(extra="forbid")

    default: str | None = None
    models: dict[str, ModelConfig] = Field(min_length=1)


_BUILTIN_FILE = ModelsFile(
    models={
        "shapes": ModelConfig(
            source=BUILTIN,
            description="Colored shapes on colored backgrounds; ships with renderq and needs no download.",
            license="Apache-2.0",
            dtype="float32",
            defaults=DefaultsConfig(steps=20, guidance_scale=2.0),
            max_side=512,
        )
    }
)


def load_catalog(path: Path | None, cache: Path | None = None) -> Catalog:
    """Read `models.toml`; without a file the catalog holds the built-in model alone.

    `cache` is the hub's, by default that of its own tools. Raises `CatalogInvalid`, which names the file, the entry and
    the remedy.
    """
    parsed = read_models_file(path)
    entries = {name: resolve_entry(name, config, path, cache) for name, config in parsed.models.items()}
    default = parsed.default or next(iter(entries))
    return Catalog(models=(entries.pop(default), *entries.values()))


def read_models_file(path: Path | None) -> ModelsFile:
    """Parse the file without reading any model. Raises `CatalogInvalid`."""
    if path is None:
        return _BUILTIN_FILE
    try:
        parsed = ModelsFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CatalogInvalid(f"{path} cannot be read: {error.strerror}; set RENDERQ_MODELS to a models.toml") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogInvalid(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise CatalogInvalid(f"{path}: {_first_error(error)}") from error
    if parsed.default is not None and parsed.default not in parsed.models:
        known = ", ".join(parsed.models)
        raise CatalogInvalid(f"{path}: default = {parsed.default!r} is not a model of the file, which has {known}")
    return parsed


def resolve_entry(name: str, config: ModelConfig, path: Path | None, cache: Path | None = None) -> ModelEntry:
    """Complete an entry from the model's files. Raises `CatalogInvalid`, which names file and entry."""
    try:
        return _resolve(name, config, path.parent if path else Path(), cache or default_cache())
    except (CatalogInvalid, CheckpointUnreadable, ValidationError) as error:
        reason = _first_error(error) if isinstance(error, ValidationError) else error
        raise CatalogInvalid(f"{f'{path}: ' if path else ''}model {name!r}: {reason}") from error


def _resolve(name: str, config: ModelConfig, base: Path, cache: Path) -> ModelEntry:
    source = _locate(config, base, cache)
    layout = _find_layout(config, source, base)
    pipeline = inspect_pipeline(layout or source)
    limits = _limits(config, pipeline)
    _check_defaults(config.defaults, pipeline, limits)
    return ModelEntry(
        name=name,
        source=str(source),
        layout=str(layout) if layout else None,
        variant=config.variant,
        description=config.description,
        family=pipeline.family,
        tasks=pipeline.tasks,
        revision=compute_revision(source, layout),
        license=config.license,
        dtype=config.dtype,
        watermark=config.watermark,
        memory=config.memory,
        defaults=_defaults(config.defaults, pipeline),
        limits=limits,
        schedulers=pipeline.schedulers,
        supports_negative_prompt=pipeline.supports_negative_prompt,
        has_depth_estimator=pipeline.has_depth_estimator and layout is None,  # a single file holds no estimator
    )


def _defaults(config: DefaultsConfig, pipeline: PipelineInfo) -> ModelDefaults:
    return ModelDefaults(
        width=config.width or pipeline.native_size,
        height=config.height or pipeline.native_size,
        **dict(config.resolve_sampling(pipeline.sampling)),
    )


def _check_defaults(config: DefaultsConfig, pipeline: PipelineInfo, limits: ModelLimits) -> None:
    """Raise `CatalogInvalid` for a default that would make every request invalid."""
    if config.scheduler is not None and not pipeline.schedulers:
        raise CatalogInvalid("it runs with its own scheduler only; omit defaults.scheduler")
    for name, side in (("width", config.width), ("height", config.height)):
        if side is not None and side % limits.size_multiple:
            raise CatalogInvalid(f"defaults.{name} = {side} is not a multiple of {limits.size_multiple}")
    for name, maximum in limits.sampling_maxima.items():
        value = getattr(config, name)
        if value is not None and value > maximum:
            raise CatalogInvalid(f"defaults.{name} = {value:g} exceeds the model's maximum of {maximum:g}")
    sampling = config.resolve_sampling(pipeline.sampling)
    smallest, largest = limits.steps_range(sampling.scheduler)
    if not smallest <= sampling.steps <= largest:
        scheduler = sampling.scheduler or "the model's own scheduler"
        raise CatalogInvalid(
            f"defaults.steps = {sampling.steps}, but {scheduler} needs {smallest} to {largest}; set other defaults"
        )


def _limits(config: ModelConfig, pipeline: PipelineInfo) -> ModelLimits:
    max_side = config.max_side or pipeline.limits.max_side
    return pipeline.limits.model_copy(update={"max_side": max_side, "max_pixels": max_side * max_side})


def _locate(config: ModelConfig, base: Path, cache: Path) -> Path:
    """Return the folder or file that `source` names. Raises `CatalogInvalid`."""
    if config.source == BUILTIN:
        return Path(str(files("renderq_worker.builtin"))) / "shapes"
    hub = config.hub
    if hub is not None:
        return hub.cached_path(cache)
    if config.revision is not None:
        raise CatalogInvalid("revision belongs to a source on the hub; omit it")
    source = (base / Path(config.source).expanduser()).resolve()
    if not source.exists():
        raise CatalogInvalid(f"{source} does not exist; source is a folder, a file, or hub:OWNER/NAME")
    return source


def _find_layout(config: ModelConfig, source: Path, base: Path) -> Path | None:
    """Return the configuration folder of a single file; None for a folder. Raises `CatalogInvalid`."""
    if source.is_dir():
        if config.layout is not None:
            raise CatalogInvalid("layout belongs to a single file; a folder brings its own configuration")
        return None
    if config.variant is not None:
        raise CatalogInvalid("variant belongs to a folder; a single file holds one set of weights")
    if source.suffix not in SUFFIXES:
        raise CatalogInvalid(f"{source} is neither a folder nor a file of weights ({', '.join(SUFFIXES)})")
    tensors = read_tensors(source)
    if config.layout is None:
        return detect_layout(tensors)
    check_complete(tensors)
    own = (base / Path(config.layout).expanduser()).resolve()
    return own if own.is_dir() else layout_folder(config.layout)


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    path, message = first["loc"], first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        table = DefaultsConfig if "defaults" in path[2:-1] else ModelConfig if len(path) > 1 else ModelsFile
        message = f"Unknown key. Known keys: {', '.join(table.model_fields)}"
    return f"{'.'.join(map(str, path))}: {message}"
