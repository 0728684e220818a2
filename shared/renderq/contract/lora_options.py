"""Options of a request about its LoRAs."""

from typing import Annotated

from pydantic import Field

from renderq.contract.base import RequestModel
from renderq.contract.limits import LIMITS

LoraWeight = Annotated[float, Field(ge=-LIMITS.lora_weight, le=LIMITS.lora_weight, allow_inf_nan=False)]


class LoraOptions(RequestModel, frozen=True):
    """A LoRA that changes the model for one request."""

    name: str = Field(max_length=200, description="A name from `loras` of the model.")
    weight: LoraWeight | None = Field(
        None, description="Share of its change in the denoiser; 0: none, negative: the opposite; default: the LoRA's."
    )
    text_encoder_weight: LoraWeight | None = Field(
        None, description="The same in the text encoders, where the LoRA changes them; default: `weight`."
    )
    revision: str | None = Field(
        None, max_length=64, description="Digest of its file, as in recipes; another file is refused."
    )
