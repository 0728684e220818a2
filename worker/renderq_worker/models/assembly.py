"""Pipelines from loaded components."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from diffusers import DiffusionPipeline

from renderq_shared.catalog import ModelEntry
from renderq_shared.catalog.pipeline_folder import read_index


def assemble(entry: ModelEntry, pipeline_class: Any, components: Mapping[str, Any]) -> DiffusionPipeline:
    """Return the pipeline of these components, without the others, and with the settings in its `model_index.json`."""
    accepted = set[str]().union(*pipeline_class._get_signature_keys(pipeline_class)) - {"self"}
    settings = {
        name: None if isinstance(value, list) else value
        for name, value in read_index(entry.config_folder).items()
        if name in accepted
    }
    absent = dict.fromkeys(required_components(pipeline_class))
    pipeline = pipeline_class(**absent | settings | dict(components) | options(pipeline_class))
    limit_tokens(pipeline)
    return pipeline


def required_components(pipeline_class: Any) -> tuple[str, ...]:
    """Return the components that a pipeline class has no default for."""
    expected = pipeline_class._get_signature_keys(pipeline_class)[0]
    return tuple(sorted(set(expected) - {"self", *pipeline_class._optional_components}))


def options(pipeline_class: Any) -> dict[str, bool]:
    """Return loading options: the SDXL pipelines add a watermark by default if `invisible_watermark` is installed."""
    return {"add_watermarker": False} if "add_watermarker" in signature(pipeline_class).parameters else {}


def limit_tokens(pipeline: Any) -> None:
    """Limit tokenizers to the positions of their text encoders: many say 10³⁰, which means that no length is set."""
    for suffix in ("", "_2"):
        tokenizer, encoder = (getattr(pipeline, f"{name}{suffix}", None) for name in ("tokenizer", "text_encoder"))
        positions = getattr(getattr(encoder, "config", None), "max_position_embeddings", None)
        if tokenizer is not None and positions and tokenizer.model_max_length > positions:
            tokenizer.model_max_length = positions
