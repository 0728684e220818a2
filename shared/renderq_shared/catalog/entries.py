"""Catalog entries."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from renderq.contract import SCHEDULERS, ModelDefaults, ModelLimits
from renderq.contract.output_options import WatermarkText
from renderq_shared.catalog.noise_schedulers import schedules_of
from renderq_shared.catalog.pipeline_config import GENERIC_FAMILY

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Memory = Literal["auto", "full", "balanced", "low"]
ModelName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$")]
NAME_RULE = "1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first"
"""Rule of `ModelName` in words."""


class LoraEntry(BaseModel):
    """One LoRA of the catalog."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    source: str
    """File of its weights."""
    title: str = ""
    """Name for people; empty: `name`."""
    description: str = ""
    weight: float = 1.0
    """Weight in requests that give none."""
    trigger: tuple[str, ...] = ()
    """Words in prompts that it was trained with."""
    revision: str
    """Digest of its file."""


class EmbeddingEntry(BaseModel):
    """One textual inversion of the catalog."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    source: str
    """File of its vectors."""
    token: str
    """Word of a prompt that stands for it."""
    revision: str
    """Digest of its file."""


class ModelEntry(BaseModel):
    """One model of the catalog."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    source: str
    """Folder of a diffusers pipeline, or a file that holds one in the original key layout."""
    layout: str | None = None
    """Folder with the pipeline's configuration, if `source` is a file; a source folder has its own."""
    variant: str | None = None
    """Variant of the weights, if `source` is a folder, as in `*.fp16.safetensors`."""
    without: tuple[str, ...] = ()
    """Components of the folder that are left out."""
    title: str = ""
    """Name for people; empty: `name`."""
    description: str = ""
    examples: tuple[str, ...] = ()
    """Prompts that show what it can do."""
    image: Path | None = None
    """An image file that shows what it can do. Only the API reads it."""
    family: str
    tasks: tuple[str, ...]
    revision: str
    """Digest of the pipeline's files; identifies the exact weights."""
    license: str = ""
    dtype: Dtype = "auto"
    watermark: WatermarkText | None = None
    """Embedded into all its images."""
    memory: Memory = "auto"
    """Memory mode; `auto` takes the worker's."""
    defaults: ModelDefaults
    limits: ModelLimits
    schedulers: tuple[str, ...] = SCHEDULERS
    """Schedulers that requests may choose."""
    own_schedules: tuple[str, ...] = ()
    """Schedules of the model's own scheduler."""
    has_depth_estimator: bool = False
    """True if it can estimate an image's depth itself."""
    supports_negative_prompt: bool = True
    loras: tuple[LoraEntry, ...] = ()
    """LoRAs that fit it."""

    embeddings: tuple[EmbeddingEntry, ...] = ()
    """Textual inversions, whose tokens its prompts may have."""

    def lora(self, name: str) -> LoraEntry | None:
        return next((lora for lora in self.loras if lora.name == name), None)

    def schedules_of(self, scheduler: str | None) -> tuple[str, ...]:
        """Return the schedules of one of `schedulers`; None is the model's own."""
        return schedules_of(scheduler, self.own_schedules)

    @property
    def supports_prompt_weights(self) -> bool:
        """Whether `(word:1.3)` in a prompt is a weight; generic pipelines read it as text."""
        return self.family != GENERIC_FAMILY

    @property
    def config_folder(self) -> Path:
        """The folder with `model_index.json` and the components' configurations."""
        return Path(self.layout or self.source)


class Style(BaseModel):
    """A text around prompts, which clients add to them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ModelName
    title: str = ""
    prompt: str
    """Contains `{prompt}`."""
    negative_prompt: str = ""


class Catalog(BaseModel):
    """All models, the default one first, styles, and aliases."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...] = Field(min_length=1)
    styles: tuple[Style, ...] = ()
    aliases: dict[str, str] = {}
    """Name of clients of other services' APIs → model."""

    @model_validator(mode="after")
    def _check_unique_names(self) -> Self:
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
