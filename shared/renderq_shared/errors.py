"""Errors of the shared parts. Each docstring is the message's meaning; the message itself says what to do."""


class RenderqSharedError(Exception):
    """Any of the below."""


class StoreUnavailable(RenderqSharedError):
    """The job store (Redis) does not answer."""


class StoreUnsuitable(RenderqSharedError):
    """The job store answers but cannot be used: too old, a cluster, or it may evict keys."""


class ObjectNotFound(RenderqSharedError):
    """The object store has no object under this key."""


class ObjectStoreUnavailable(RenderqSharedError):
    """The object store does not answer, or refuses us."""


class ObjectStoreUnsuitable(RenderqSharedError):
    """The object store answers but cannot be used, e.g. a folder that another process does not share."""


class ManifestInvalid(RenderqSharedError):
    """A job's manifest is damaged, or of another version."""


class CatalogInvalid(RenderqSharedError):
    """The model catalog cannot be read or names something that does not exist."""


class CheckpointUnreadable(RenderqSharedError):
    """A file of weights is damaged, cut off, of no known format, or would run code."""


class WakeupFailed(RenderqSharedError):
    """A wake-up could not be published; nothing is lost, the sweep publishes again."""
