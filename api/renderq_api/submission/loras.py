"""LoRAs of a request: which its model has, and what an omitted weight is."""

import difflib
from collections.abc import Iterator

from renderq.contract import FieldError, JobRequest, LoraOptions
from renderq_api.http.validation import format_value
from renderq_shared.catalog import Catalog, ModelEntry

_MAX_NAMED = 20


def lora_errors(request: JobRequest, entry: ModelEntry, catalog: Catalog) -> Iterator[FieldError]:
    """Yield the LoRAs that the model does not have."""
    for index, requested in enumerate(request.loras):
        lora = entry.lora(requested.name)
        if lora is None:
            detail = lora_absence(requested.name, entry, catalog)
            yield FieldError(pointer=f"/loras/{index}/name", code="not_supported", detail=detail)
        elif requested.revision not in (None, lora.revision):
            detail = f"The LoRA {lora.name} has revision {lora.revision} here; omit it to render with that one."
            yield FieldError(pointer=f"/loras/{index}/revision", code="not_supported", detail=detail)


def resolve_loras(request: JobRequest, entry: ModelEntry) -> tuple[LoraOptions, ...]:
    """Return the LoRAs with weights and revisions; the model must have them."""
    resolved: list[LoraOptions] = []
    for requested in request.loras:
        lora = entry.lora(requested.name)
        if lora is not None:
            weight = lora.weight if requested.weight is None else requested.weight
            text = weight if requested.text_encoder_weight is None else requested.text_encoder_weight
            resolved.append(
                LoraOptions(name=lora.name, weight=weight, text_encoder_weight=text, revision=lora.revision)
            )
    return tuple(resolved)


def lora_absence(name: str, entry: ModelEntry, catalog: Catalog) -> str:
    """Return why there is no such LoRA, and what would work."""
    own = [lora.name for lora in entry.loras]
    if others := [model.name for model in catalog.models if model.lora(name)]:
        return f"The LoRA {name} does not fit the model {entry.name}; it fits {', '.join(others[:_MAX_NAMED])}."
    missing = f"There is no LoRA {format_value(name)}."
    if not own:
        return f"{missing} The model {entry.name} has none; omit it."
    similar = difflib.get_close_matches(name, own, n=1)
    if similar:
        return f"{missing} Did you mean {similar[0]}?"
    return f"{missing} The model {entry.name} has {', '.join(own[:_MAX_NAMED])}."
