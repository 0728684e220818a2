"""What the engine tells about a generation. Exactly one of `Rendered`, `Failed`, `Canceled` ends each. No torch."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from renderq_worker.engine.failure import FailureCode


@dataclass(frozen=True, slots=True)
class Loading:
    """The model is being loaded into memory."""

    generation_id: str
    model: str


@dataclass(frozen=True, slots=True)
class Encoding:
    """The prompts are being encoded."""

    generation_id: str


@dataclass(frozen=True, slots=True)
class Stepped:
    """`step` of `steps` model calls are done."""

    generation_id: str
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Previewed:
    """What the picture looks like so far, because somebody asked for it."""

    generation_id: str
    step: int
    """Model calls done, of `steps`."""
    steps: int
    pixels: np.ndarray
    """uint8 [height, width, 3], RGB: smaller than the picture, with its proportions."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the picture survives, and that its owner should know."""

    generation_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """The latents are being decoded to pixels."""

    generation_id: str


@dataclass(frozen=True, slots=True)
class RenderStats:
    """How a picture was made."""

    load_ms: float
    """Time this generation waited for its model to be loaded."""
    inference_ms: float
    """Time of the operations that it took part in: encoding, model calls (shared or not), decoding."""
    batch_width_mean: float
    """Images per model call, itself included."""
    peak_memory_bytes: int | None
    """Most memory on the device while this image was worked on; None where the device does not count it."""
    device: str
    dtype: str
    batch_invariant: bool
    """Whether this image has the same bits alone and in any batch that the probe compared, with this model, device,
    dtype and batching."""
    model_revision: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The picture is done."""

    generation_id: str
    pixels: np.ndarray
    """uint8 [height, width, 3], RGB."""
    stats: RenderStats


@dataclass(frozen=True, slots=True)
class Failed:
    """There will be no picture."""

    generation_id: str
    code: FailureCode
    message: str
    """What was wrong and what can be done."""
    retryable: bool
    """Whether the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Canceled:
    """It was canceled, or the engine closed."""

    generation_id: str


Event: TypeAlias = Loading | Encoding | Stepped | Previewed | Warned | Decoding | Rendered | Failed | Canceled
