"""Errors of loading a model; each message says what was wrong and what to do."""


class ModelError(Exception):
    """Any of the below."""


class ModelUnknown(ModelError):
    """The worker's catalog has no model of this name."""


class ModelLoadFailed(ModelError):
    """The model's files are missing, damaged, of another family, or larger than the memory that models may use."""
