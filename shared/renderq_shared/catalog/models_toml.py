"""`models.toml` as it is written: its tables and keys, read without any model."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from renderq.contract import LIMITS, SamplingOverrides
from renderq.contract.output_options import WatermarkText
from renderq_shared.catalog.entries import Dtype, Memory, ModelName, Style
from renderq_shared.catalog.hub_cache import HUB_PREFIX, HubSource
from renderq_shared.catalog.models_toml_errors import describe_errors
from renderq_shared.errors import CatalogInvalid
from renderq_shared.field_values import shortened

_MAX_BYTES = 10_000_000
"""Bound of the memory that reading takes, should the path name something else."""


Title = Annotated[str, StringConstraints(max_length=100)]
Alias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Example = Annotated[str, StringConstraints(min_length=1, max_length=LIMITS.prompt_characters)]


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(_as_list)]
"""Several texts, or one."""


class DefaultsConfig(SamplingOverrides, frozen=True):
    """The `defaults` of an entry; an omitted field takes the family's value."""

    model_config = ConfigDict(extra="forbid", strict=True)

    width: int | None = Field(default=None, ge=8, multiple_of=8)
    height: int | None = Field(default=None, ge=8, multiple_of=8)


class SourceConfig(BaseModel):
    """A table that names files."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: str
    """A folder or file, relative to `models.toml`; `hub:OWNER/NAME` or `hub:OWNER/NAME/FILE`; or `builtin:NAME`."""
    revision: str | None = None
    """Branch, tag or commit of a source on the hub."""

    @property
    def hub(self) -> HubSource | None:
        """Location on the hub; `None` for a local source. Raises `CatalogInvalid`."""
        return HubSource.parse(self.source, self.revision) if self.source.startswith(HUB_PREFIX) else None


class ModelConfig(SourceConfig):
    """One `[models.NAME]` table."""

    variant: str | None = None
    without: tuple[str, ...] = Field(default=(), strict=False)
    """Components of a folder to leave out, such as `text_encoder_3`."""
    layout: str | None = None
    """Layout of a file: a shipped one, or a folder with the configuration; detected from the file if omitted."""
    title: Title = ""
    """Name for people."""
    description: str = ""
    license: str = ""
    examples: tuple[Example, ...] = Field(default=(), strict=False, max_length=12)
    """Prompts that show what the model can do."""
    image: str | None = None
    """An image file that shows what the model can do, relative to `models.toml`."""
    dtype: Dtype = "auto"
    watermark: WatermarkText | None = None
    """Embedded into all its images; a request cannot override it."""
    memory: Memory = "auto"
    defaults: DefaultsConfig = Field(default=DefaultsConfig(), strict=False)
    max_side: int | None = Field(None, ge=8)


class _AdditionConfig(SourceConfig):
    """A table of what is added to models."""

    base: Texts = Field(min_length=1)
    """Name of a model, names of several, or a family of models."""


class LoraConfig(_AdditionConfig):
    """One `[loras.NAME]` table."""

    kind: ClassVar[str] = "lora"
    title: Title = ""
    """Name for people."""
    description: str = ""
    weight: float = Field(1.0, ge=-LIMITS.lora_weight, le=LIMITS.lora_weight, allow_inf_nan=False)
    """Weight in requests that give none."""
    trigger: Texts = ()
    """Words in prompts that it was trained with."""


class EmbeddingConfig(_AdditionConfig):
    """One `[embeddings.NAME]` table."""

    kind: ClassVar[str] = "embedding"
    token: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\s()\[\]{}:,\\]+$")] | None = None
    """Word of a prompt that stands for it; default: its name."""


Config = TypeVar("Config", LoraConfig, EmbeddingConfig)
AdditionConfig: TypeAlias = LoraConfig | EmbeddingConfig


class StyleConfig(BaseModel):
    """One `[styles.NAME]` table."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title = ""
    prompt: Annotated[str, Field(max_length=LIMITS.prompt_characters, pattern=r"\{prompt\}")]
    """Text around `{prompt}`, which stands for the prompt."""
    negative_prompt: Annotated[str, Field(max_length=LIMITS.prompt_characters)] = ""


class ModelsFile(BaseModel):
    """A whole `models.toml`."""

    model_config = ConfigDict(extra="forbid")

    default: str | None = None
    models: dict[ModelName, ModelConfig] = Field(min_length=1)
    loras: dict[ModelName, LoraConfig] = {}
    embeddings: dict[ModelName, EmbeddingConfig] = {}
    styles: dict[ModelName, StyleConfig] = {}
    aliases: dict[Alias, str] = {}
    """Further name → model, for clients of other services' APIs, which bring names of their own."""


@dataclass(frozen=True, slots=True)
class ParsedModels:
    """What a `models.toml` says."""

    models: Mapping[str, ModelConfig]
    """The valid entries."""
    loras: Mapping[str, LoraConfig] = field(default_factory=dict[str, LoraConfig])
    """The valid entries."""
    embeddings: Mapping[str, EmbeddingConfig] = field(default_factory=dict[str, EmbeddingConfig])
    """The valid entries."""
    default: str | None = None
    styles: tuple[Style, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    problems: tuple[str, ...] = ()
    """One line for each error of the file."""

    @property
    def additions(self) -> Iterator[tuple[str, AdditionConfig]]:
        """Names and tables of what is added to models."""
        yield from self.embeddings.items()
        yield from self.loras.items()


def parse_models_toml(path: Path) -> ParsedModels:
    """Read a file. Raises `CatalogInvalid` for one that is not TOML."""
    tables = _read_toml(path)
    models, default = tables.get("models"), tables.get("default")
    models = models if isinstance(models, dict) else {}
    problems, invalid = (), set[tuple[int | str, ...]]()
    try:
        ModelsFile.model_validate(tables)
    except ValidationError as error:
        problems = describe_errors(error, ModelsFile)
        invalid = {details["loc"][:2] for details in error.errors()}
    if isinstance(default, str) and models and default not in models:
        problems += (f"default = {default!r} is not a model of the file, which has {', '.join(models)}",)
    aliases = tables.get("aliases", {}) if not problems else {}
    problems += tuple(_problems_of_aliases(aliases, models))
    return ParsedModels(
        models={
            name: ModelConfig.model_validate(table) for name, table in models.items() if ("models", name) not in invalid
        },
        loras={} if problems else _validated(LoraConfig, tables.get("loras", {})),
        embeddings={} if problems else _validated(EmbeddingConfig, tables.get("embeddings", {})),
        default=default,
        styles=() if problems else tuple(Style(name=name, **table) for name, table in tables.get("styles", {}).items()),
        aliases=aliases,
        problems=tuple(f"{path}: {problem}" for problem in problems),
    )


def _validated(config: type[Config], tables: Mapping[str, Any]) -> Mapping[str, Config]:
    return {name: config.model_validate(table) for name, table in tables.items()}


def _problems_of_aliases(aliases: Mapping[str, str], models: Mapping[str, Any]) -> Iterator[str]:
    for alias, model in aliases.items():
        if alias in models:
            yield f"alias {alias!r}: a model of the file has this name; choose another one"
        if model not in models:
            yield f"alias {alias!r}: {shortened(model)} is not a model of the file, which has {', '.join(models)}"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise CatalogInvalid(f"{path} is not a file; set RENDERQ_MODELS to a models.toml")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise CatalogInvalid(f"{path} cannot be read: {error.strerror}; set RENDERQ_MODELS to a models.toml") from error
    if len(content) > _MAX_BYTES:
        raise CatalogInvalid(f"{path} has more than {_MAX_BYTES:,} bytes; set RENDERQ_MODELS to a models.toml")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise CatalogInvalid(f"{path}: not TOML: it must be UTF-8 text; save it as such") from error
    except (ValueError, RecursionError) as error:
        hint = "; write a path with backslashes in single quotes" if _is_of_backslash(error) else ""
        raise CatalogInvalid(f"{path}: not TOML: {error}{hint}") from error


def _is_of_backslash(error: Exception) -> bool:
    return any(sign in str(error) for sign in ("Unescaped '\\'", "Invalid hex value"))
