"""Errors of the shared packages. A docstring says what the error means; its message says what to do."""


class RenderqSharedError(Exception):
    """Base class of all errors in this module."""


class StoreUnavailable(RenderqSharedError):
    """The job store (Redis) does not respond, or refuses commands for now."""

    def __init__(self, message: str, refusal: str | None = None) -> None:
        """`refusal`: why the server refuses, without its own text, which may name users and hosts."""
        super().__init__(message)
        self.refusal = refusal


class StoreUnsuitable(RenderqSharedError):
    """The job store responds but cannot be used: too old, a cluster, or without the required persistence."""


class ObjectNotFound(RenderqSharedError):
    """The object store has no object under this key."""


class ObjectStoreUnavailable(RenderqSharedError):
    """The object store does not respond or denies access."""


class ObjectStoreUnsuitable(RenderqSharedError):
    """The object store responds but cannot be used, for example a folder that another process does not share."""


class ManifestInvalid(RenderqSharedError):
    """A job's manifest is damaged or has another version."""


class CatalogInvalid(RenderqSharedError):
    """The model catalog cannot be read or refers to something that does not exist."""


class PromptWeightTooHigh(RenderqSharedError):
    """A weight in a prompt is too high."""


class CheckpointUnreadable(RenderqSharedError):
    """A file of weights is damaged, truncated, of an unknown format, or would execute code."""
