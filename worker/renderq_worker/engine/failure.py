"""Failure of one generation. No torch."""

from dataclasses import dataclass
from typing import Literal

FailureCode = Literal["out_of_memory", "nan_output", "model_load_failed", "request_unsupported", "internal"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a generation ended without an image, as its user reads it."""

    code: FailureCode
    message: str
    retryable: bool
    """Whether the same request may succeed later."""
