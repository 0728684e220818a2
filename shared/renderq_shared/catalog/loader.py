"""Loader of the catalog: the entries of `models.toml`, completed from the models' own files."""

from collections import ChainMap
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from renderq.contract import ModelDefaults, ModelLimits
from renderq_shared.catalog.embeddings import resolve_embedding, with_embedding
from renderq_shared.catalog.entries import Catalog, ModelEntry
from renderq_shared.catalog.hub_cache import default_cache
from renderq_shared.catalog.layouts import check_complete, detect_layout, layout_folder
from renderq_shared.catalog.loras import resolve_lora, with_lora
from renderq_shared.catalog.models_toml import (
    AdditionConfig,
    DefaultsConfig,
    EmbeddingConfig,
    LoraConfig,
    ModelConfig,
    ParsedModels,
    parse_models_toml,
)
from renderq_shared.catalog.noise_schedulers import refuse_schedule, schedules_of
from renderq_shared.catalog.pipeline_config import PipelineInfo, inspect_pipeline
from renderq_shared.catalog.pipeline_folder import omitted_components, read_index
from renderq_shared.catalog.revision import compute_revision
from renderq_shared.catalog.sources import BUILTIN, BUILTIN_LORA, locate, published_names
from renderq_shared.checkpoints import read_weight_file
from renderq_shared.errors import CatalogInvalid, CheckpointUnreadable
from renderq_shared.field_values import format_number

_BUILTIN = ModelConfig(
    source=BUILTIN,
    title="Shapes",
    examples=(
        "a red circle on a blue background",
        "three yellow stars on a purple background",
        "a green square above a white ring on a red background",
    ),
    description="Colored shapes on colored backgrounds; ships with renderq and needs no download.",
    license="Apache-2.0",
    dtype="float32",
    defaults=DefaultsConfig(steps=20, guidance_scale=2.0),
    max_side=512,
)

_BUILTIN_LORA = LoraConfig(
    source=BUILTIN_LORA,
    base=("shapes",),
    title="Ink",
    description="Black ink on white paper.",
    weight=0.8,
)


def load_catalog(path: Path | None, cache: Path | None = None) -> Catalog:
    """Read `models.toml`; without a file the catalog holds the built-in model alone.

    `cache` is the hub's, by default that of its own tools. Raises `CatalogInvalid`, which names the file, the entry and
    the remedy of every error.
    """
    parsed = _read(path)
    problems, entries = parsed.problems, dict[str, ModelEntry]()
    for name, config in parsed.models.items():
        try:
            entries[name] = resolve_entry(name, config, path, cache)
        except CatalogInvalid as error:
            problems += error.args
    for name, config in parsed.additions:
        try:
            entries |= _with_addition(name, config, entries, parsed.models, path, cache)
        except CatalogInvalid as error:
            problems += error.args
    if problems:
        raise CatalogInvalid(*problems)
    first = entries.pop(parsed.default or next(iter(entries)))
    return Catalog(models=(first, *entries.values()), styles=parsed.styles, aliases=dict(parsed.aliases))


def _with_addition(
    name: str,
    config: AdditionConfig,
    entries: Mapping[str, ModelEntry],
    configs: Mapping[str, ModelConfig],
    path: Path | None,
    cache: Path | None,
) -> Mapping[str, ModelEntry]:
    """Return the models that have this addition, with it. Raises `CatalogInvalid`, which names file and entry."""
    try:
        add = _resolve_addition(name, config, path.parent if path else Path(), cache or default_cache())
        if any(base in configs and base not in entries for base in config.base):
            return {}  # the model's own problem is reported
        return add(config.base, entries)
    except Exception as error:
        where = f"{f'{path}: ' if path else ''}{config.kind} {name!r}: "
        raise CatalogInvalid(*(f"{where}{reason}" for reason in _reasons(error))) from error


def _resolve_addition(
    name: str, config: AdditionConfig, base: Path, cache: Path
) -> Callable[[Collection[str], Mapping[str, ModelEntry]], Mapping[str, ModelEntry]]:
    """Return what adds it to the models that it fits, of those that are named."""
    match config:
        case LoraConfig():
            return partial(with_lora, resolve_lora(name, config, base, cache))
        case EmbeddingConfig():
            return partial(with_embedding, resolve_embedding(name, config, base, cache))


def read_model_configs(path: Path | None) -> Mapping[str, ModelConfig]:
    """Parse the file without reading any model. Raises `CatalogInvalid`."""
    return _read_valid(path).models


def read_source_configs(path: Path | None) -> Mapping[str, ModelConfig | AdditionConfig]:
    """Parse the file: models, LoRAs and textual inversions by name, of several the first. Raises `CatalogInvalid`."""
    parsed = _read_valid(path)
    return ChainMap(dict(parsed.models), dict(parsed.loras), dict(parsed.embeddings))


def _read_valid(path: Path | None) -> ParsedModels:
    parsed = _read(path)
    if parsed.problems:
        raise CatalogInvalid(*parsed.problems)
    return parsed


def resolve_entry(name: str, config: ModelConfig, path: Path | None, cache: Path | None = None) -> ModelEntry:
    """Complete an entry from the model's files. Raises `CatalogInvalid`, which names file and entry."""
    try:
        return _resolve(name, config, path.parent if path else Path(), cache or default_cache())
    except Exception as error:  # damaged configurations and unusual file systems can raise anything
        where = f"{f'{path}: ' if path else ''}model {name!r}: "
        raise CatalogInvalid(*(f"{where}{reason}" for reason in _reasons(error))) from error


def resolve_entry_with_additions(name: str, config: ModelConfig, path: Path | None) -> ModelEntry:
    """Complete an entry with its textual inversions and LoRAs. Raises `CatalogInvalid`, which names files, entries."""
    entry, problems, parsed = resolve_entry(name, config, path), tuple[str, ...](), _read(path)
    for addition, its_config in parsed.additions:
        bases = tuple(base for base in its_config.base if base in (name, entry.family))
        if not bases:
            continue
        try:
            narrowed = its_config.model_copy(update={"base": bases})
            entry = _with_addition(addition, narrowed, {name: entry}, {}, path, None).get(name, entry)
        except CatalogInvalid as error:
            if name in bases:
                problems += error.args
    if problems:
        raise CatalogInvalid(*problems)
    return entry


def _read(path: Path | None) -> ParsedModels:
    return ParsedModels({"shapes": _BUILTIN}, {"ink": _BUILTIN_LORA}) if path is None else parse_models_toml(path)


def _resolve(name: str, config: ModelConfig, base: Path, cache: Path) -> ModelEntry:
    source = locate(config, base, cache)
    layout = _find_layout(config, source, base)
    pipeline = inspect_pipeline(layout or source, published_names(config, source))
    without = _find_omitted(config, source)
    limits = _limits(config, pipeline)
    defaults = _defaults(config.defaults, pipeline, limits)
    _check_defaults(config.defaults, pipeline, limits)
    return ModelEntry(
        name=name,
        source=str(source),
        layout=str(layout) if layout else None,
        variant=config.variant,
        without=without,
        title=config.title,
        description=config.description,
        examples=config.examples,
        image=base / config.image if config.image else None,
        family=pipeline.family,
        tasks=pipeline.tasks,
        revision=compute_revision(source, layout, without),
        license=config.license,
        dtype=config.dtype,
        watermark=config.watermark,
        memory=config.memory,
        defaults=defaults,
        limits=limits,
        schedulers=pipeline.schedulers,
        own_schedules=pipeline.own_schedules,
        supports_negative_prompt=pipeline.supports_negative_prompt,
        # a single file holds no estimator
        has_depth_estimator=pipeline.has_depth_estimator and layout is None and "depth_estimator" not in without,
    )


def _defaults(config: DefaultsConfig, pipeline: PipelineInfo, limits: ModelLimits) -> ModelDefaults:
    side = min(pipeline.native_size, limits.max_side - limits.max_side % limits.size_multiple)
    return ModelDefaults(
        width=config.width or side,
        height=config.height or side,
        **dict(config.resolve_sampling(pipeline.sampling)),
    )


def _check_defaults(config: DefaultsConfig, pipeline: PipelineInfo, limits: ModelLimits) -> None:
    """Raise `CatalogInvalid` for defaults that would make every request invalid."""
    if problems := tuple(_problems_of_defaults(config, pipeline, limits)):
        raise CatalogInvalid(*problems)


def _problems_of_defaults(config: DefaultsConfig, pipeline: PipelineInfo, limits: ModelLimits) -> Iterator[str]:
    if limits.max_side < limits.size_multiple:
        yield f"max_side = {limits.max_side} is too small; sizes are multiples of {limits.size_multiple}"
    if config.scheduler is not None and not pipeline.schedulers:
        yield "it runs with its own scheduler only; omit defaults.scheduler"
    for name, side in (("width", config.width), ("height", config.height)):
        if side is not None and side % limits.size_multiple:
            yield f"defaults.{name} = {side} is not a multiple of {limits.size_multiple}"
        if side is not None and side > limits.max_side:
            yield f"defaults.{name} = {side} exceeds max_side, which is {limits.max_side}; set a larger max_side"
    for name, maximum in limits.sampling_maxima.items():
        value = getattr(config, name)
        if value is not None and value > maximum:
            yield f"defaults.{name} = {format_number(value)} exceeds the model's maximum of {format_number(maximum)}"
    sampling = config.resolve_sampling(pipeline.sampling)
    smallest, largest = limits.steps_range(sampling.scheduler)
    if not smallest <= sampling.steps <= largest:
        scheduler = sampling.scheduler or "the model's own scheduler"
        yield f"defaults.steps = {sampling.steps}, but {scheduler} needs {smallest} to {largest}; set other defaults"
    schedules = schedules_of(sampling.scheduler, pipeline.own_schedules)
    if refusal := refuse_schedule(sampling.scheduler, sampling.schedule, schedules):
        yield f"defaults.schedule: {refusal}"


def _limits(config: ModelConfig, pipeline: PipelineInfo) -> ModelLimits:
    max_side = config.max_side or pipeline.limits.max_side
    return pipeline.limits.model_copy(update={"max_side": max_side, "max_pixels": max_side * max_side})


def _find_layout(config: ModelConfig, source: Path, base: Path) -> Path | None:
    """Return the configuration folder of a single file; None for a folder. Raises `CatalogInvalid`."""
    if source.is_dir():
        if config.layout is not None:
            raise CatalogInvalid("layout belongs to a single file; a folder brings its own configuration")
        return None
    if config.variant is not None:
        raise CatalogInvalid("variant belongs to a folder; a single file holds one set of weights")
    file = read_weight_file(source)
    try:
        if config.layout is None:
            return detect_layout(file)
        check_complete(file)
    except CatalogInvalid as error:
        raise CatalogInvalid(f"{source}: {error}") from error
    own = (base / Path(config.layout).expanduser()).resolve()
    return own if own.is_dir() else layout_folder(config.layout)


def _find_omitted(config: ModelConfig, source: Path) -> tuple[str, ...]:
    """Return the components of a folder to leave out. Raises `CatalogInvalid`."""
    if config.without and not source.is_dir():
        raise CatalogInvalid("without belongs to a folder; a single file names no components")
    return omitted_components(read_index(source), config.without) if config.without else ()


def _reasons(error: Exception) -> tuple[str, ...]:
    """Return what is wrong, one line each."""
    match error:
        case CatalogInvalid():
            return error.args
        case CheckpointUnreadable():
            return (str(error),)
        case OSError():
            return (f"{error.filename} cannot be read: {error.strerror}",)
        case _:
            return (f"its files are damaged ({type(error).__name__}: {error}); download them again",)
