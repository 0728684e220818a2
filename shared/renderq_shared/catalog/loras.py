"""LoRAs of the catalog, each added to the models that it fits."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from renderq_shared.catalog.additions import adapter_file, fitting_models
from renderq_shared.catalog.config_values import read_config
from renderq_shared.catalog.entries import LoraEntry, ModelEntry
from renderq_shared.catalog.generic_pipelines import GENERIC_PIPELINES
from renderq_shared.catalog.models_toml import LoraConfig
from renderq_shared.catalog.pipeline_config import GENERIC_FAMILY
from renderq_shared.catalog.pipeline_folder import read_index
from renderq_shared.catalog.revision import compute_revision
from renderq_shared.catalog.sources import locate
from renderq_shared.checkpoints import WeightFile, read_weight_file
from renderq_shared.checkpoints.adapters import lora_widths
from renderq_shared.checkpoints.contents import describe
from renderq_shared.errors import CatalogInvalid

LORA_FILES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors", "pytorch_lora_weights.bin")
"""Names under which the files of LoRAs are published."""


def resolve_lora(name: str, config: LoraConfig, base: Path, cache: Path) -> LoraEntry:
    """Complete an entry from the LoRA's file. Raises `CatalogInvalid` and `CheckpointUnreadable`."""
    path = adapter_file(locate(config, base, cache), LORA_FILES)
    file = read_weight_file(path)
    held = describe(file.tensors, file.others, file.metadata)
    if held is None or not held.kind.startswith("a LoRA"):
        raise CatalogInvalid(f"{path} holds {held.kind if held else 'something else'}, not a LoRA")
    return LoraEntry(
        name=name,
        source=str(path),
        title=config.title,
        description=config.description,
        weight=config.weight,
        trigger=config.trigger,
        revision=compute_revision(path, None),
    )


def with_lora(lora: LoraEntry, base: Collection[str], models: Mapping[str, ModelEntry]) -> Mapping[str, ModelEntry]:
    """Return the models that `base` names, and those of families in it that it fits, with it. Raises `CatalogInvalid`.

    What its tensors' names and shapes say is checked.
    """
    file = read_weight_file(Path(lora.source))
    held = describe(file.tensors, file.others, file.metadata)
    refusal = f"{lora.source} holds {held.kind if held else 'a LoRA'}, which does not fit"
    fitting = fitting_models(base, models, refusal, lambda model: next(_mismatches(file, model), None))
    return {model.name: model.model_copy(update={"loras": (*model.loras, lora)}) for model in fitting}


def _mismatches(file: WeightFile, model: ModelEntry) -> Iterator[str]:
    """Yield what of a LoRA cannot belong to a model."""
    widths = lora_widths(file.tensors)
    if model.family == GENERIC_FAMILY:
        name = str(read_index(model.config_folder).get("_class_name")).removesuffix("Pipeline")
        info = GENERIC_PIPELINES.get(name)
        if info is None or not info.takes_loras:
            yield f"diffusers loads no LoRAs into a {name}"
        return
    if not widths.has_unet_names:
        yield "it names no layer of a UNet"
    prompt = _config_number(model, "unet", "cross_attention_dim")
    if widths.prompt and prompt and widths.prompt != prompt:
        yield f"it was trained for prompts of width {widths.prompt}, those of {model.name!r} have {prompt}"
    for encoder, width in widths.text_encoders.items():
        own = _config_number(model, encoder, "hidden_size")
        if own is None:
            yield f"it changes {encoder}, which {model.name!r} does not have"
        elif own != width:
            yield f"it was trained for a {encoder} of width {width}, that of {model.name!r} has {own}"


def _config_number(model: ModelEntry, component: str, key: str) -> int | None:
    path = model.config_folder / component / "config.json"
    value = read_config(path).get(key) if path.is_file() else None
    return value if type(value) is int else None
