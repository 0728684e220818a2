"""Errors of loading a model. Each message states the cause and the remedy."""


class ModelError(Exception):
    """Base class."""


class ModelUnknown(ModelError):
    """The worker's catalog has no model of this name."""


class ModelLoadFailed(ModelError):
    """The model's files are missing, damaged, of another family, or larger than the memory budget."""
