"""Errors of loading a model. Each message states the cause and the remedy."""

_MAX_CHARACTERS = 500


class ModelError(Exception):
    """Base class."""


class ModelUnknown(ModelError):
    """The worker's catalog has no model of this name."""


class ModelLoadFailed(ModelError):
    """The model's files are missing, damaged, of another family, or larger than the memory budget."""


class LoraLoadFailed(ModelError):
    """The LoRA's file is missing, damaged, of another model, or not the one that the job was accepted with."""


def error_line(error: Exception) -> str:
    """Return the message in one line, or the error's name if it has none; the end of a long one is cut off."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"
