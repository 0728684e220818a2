"""LoRAs of an image. No torch."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class AppliedLora:
    """One LoRA and its weights."""

    name: str
    """Name in the catalog."""
    weight: float
    """Weight in the denoiser."""
    text_encoder_weight: float
    revision: str | None = None
    """Digest of the file that the request was resolved with; None accepts any."""


LoraWeights: TypeAlias = tuple[tuple[str, float], ...]
"""Names and weights of the LoRAs in one component, in the order of the request, without those of weight 0."""


def lora_names(weights: LoraWeights) -> tuple[str, ...]:
    return tuple(name for name, _ in weights)


def denoiser_weights(loras: tuple[AppliedLora, ...]) -> LoraWeights:
    return tuple((lora.name, lora.weight) for lora in loras if lora.weight)


def text_encoder_weights(loras: tuple[AppliedLora, ...]) -> LoraWeights:
    return tuple((lora.name, lora.text_encoder_weight) for lora in loras if lora.text_encoder_weight)
