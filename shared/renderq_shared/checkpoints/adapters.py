"""LoRAs and textual inversions, described from the names and shapes of their tensors."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from renderq_shared.checkpoints.tensor import TensorInfo

_DOWN = r"(lora_down|lora_A|lora\.down|_lora\.down)"
_PROMPT_PROJECTION = re.compile(rf"attn2.*to_[kv].*{_DOWN}")
_TEXT_PROJECTION = re.compile(rf"(?P<encoder>lora_te1?_|lora_te2_|text_encoder(?:_2)?\.).*[qkv]_proj.*{_DOWN}")
_UNET = re.compile(
    r"(^|[._])(down_blocks|mid_block|up_blocks|input_blocks|middle_block|output_blocks)[._]|lora_te|text_encoder"
)
_SECOND = ("lora_te2_", "text_encoder_2.")
_VECTORS = {"clip_l": "text_encoder", "clip_g": "text_encoder_2"}
"""Names of the vectors of a textual inversion for SDXL → text encoder."""


@dataclass(frozen=True, slots=True)
class LoraWidths:
    """What a LoRA says about the model it fits; `None` for a part that it does not change."""

    has_unet_names: bool
    """Whether its tensors are named after the blocks of a UNet or after text encoders in front of one."""
    prompt: int | None
    """Width of the prompt in cross attention."""
    text_encoders: Mapping[str, int]
    """Name of a text encoder → its width."""


def lora_widths(tensors: Mapping[str, TensorInfo]) -> LoraWidths:
    """Return the widths that a model must have for a LoRA with these tensors."""
    text_encoders: dict[str, int] = {}
    for name, tensor in tensors.items():
        if (match := _TEXT_PROJECTION.search(name)) and len(tensor.shape) > 1:
            text_encoders["text_encoder_2" if match["encoder"] in _SECOND else "text_encoder"] = tensor.shape[1]
    projections = (tensor for name, tensor in tensors.items() if _PROMPT_PROJECTION.search(name))
    return LoraWidths(
        has_unet_names=any(_UNET.search(name) for name in tensors),
        prompt=next((tensor.shape[1] for tensor in projections if len(tensor.shape) > 1), None),
        text_encoders=text_encoders,
    )


def embedding_widths(tensors: Mapping[str, TensorInfo]) -> Mapping[str, int]:
    """Return name of a text encoder → width of the vectors that a textual inversion adds to it; empty for others."""
    vectors = {name: tensor for name, tensor in tensors.items() if len(tensor.shape) in (1, 2)}
    if not vectors or len(vectors) != len(tensors):
        return {}
    if vectors.keys() == _VECTORS.keys():
        return {_VECTORS[name]: tensor.shape[-1] for name, tensor in vectors.items()}
    return {"text_encoder": next(iter(vectors.values())).shape[-1]} if len(vectors) == 1 else {}
