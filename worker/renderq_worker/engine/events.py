"""Events of generations. Exactly one of `Rendered`, `Failed`, `Canceled` ends each generation. No torch."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from renderq.contract import Exactness
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
    """Preview of the unfinished image, as requested."""

    generation_id: str
    step: int
    """Model calls done, of `steps`."""
    steps: int
    pixels: np.ndarray
    """uint8 [height, width, 3], RGB; smaller than the image, with the same aspect ratio."""


@dataclass(frozen=True, slots=True)
class Warned:
    """A condition that does not end the image, but that its owner should know of."""

    generation_id: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """The latents are being decoded to pixels."""

    generation_id: str


@dataclass(frozen=True, slots=True)
class RenderStats:
    """Measurements of one rendered image."""

    load_ms: float
    """Time spent loading the model while this generation waited for it."""
    inference_ms: float
    """Duration of its operations: encoding, model calls (shared or not), decoding."""
    batch_width_mean: float
    """Mean number of images per model call, this one included."""
    peak_memory_bytes: int | None
    """Peak memory on the device during its operations; None where the device does not count it."""
    device: str
    dtype: str
    exactness: Exactness
    model_revision: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The image is finished."""

    generation_id: str
    pixels: np.ndarray
    """uint8 [height, width, 3], RGB."""
    stats: RenderStats


@dataclass(frozen=True, slots=True)
class Failed:
    """The image could not be rendered."""

    generation_id: str
    code: FailureCode
    message: str
    """Cause and remedy."""
    retryable: bool
    """Whether the same request may succeed later."""


@dataclass(frozen=True, slots=True)
class Canceled:
    """The generation was canceled, or the engine closed."""

    generation_id: str


Event: TypeAlias = Loading | Encoding | Stepped | Previewed | Warned | Decoding | Rendered | Failed | Canceled
