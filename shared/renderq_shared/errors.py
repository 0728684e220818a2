"""Errors of the shared packages. A docstring says what the error means; its message says what to do."""


class RenderqSharedError(Exception):
    """Base class of all errors in this module."""


class SettingsInvalid(RenderqSharedError):
    """Settings cannot be used; the message has a line for each, which names its environment variable."""


class StoreUnavailable(RenderqSharedError):
    """The job store (Redis) does not respond, or refuses commands for now."""

    def __init__(self, message: str, refusal: str | None = None, key: str | None = None) -> None:
        """`refusal`: why the server refuses, without its own text, which may name users and hosts.

        `key`: kind of the overwritten key that the command needs; others may not need it.
        """
        super().__init__(message)
        self.refusal = refusal
        self.key = key


class StoreUnsuitable(RenderqSharedError):
    """The job store responds but cannot be used: too old, a cluster, or without the required persistence."""


class RecordUnreadable(RenderqSharedError):
    """A record of the job store is damaged: a field is missing or has an impossible value."""

    def __init__(self, id: str | None, reason: str) -> None:
        super().__init__(f"record {id} cannot be read: {reason}")
        self.id = id
        self.reason = reason


class ObjectNotFound(RenderqSharedError):
    """The object store has no object under this key."""


class ObjectStoreUnavailable(RenderqSharedError):
    """The object store does not respond or denies access."""


class ObjectStoreUnsuitable(RenderqSharedError):
    """The object store responds but cannot be used, for example a folder that another process does not share."""


class MetricsAddressUnavailable(RenderqSharedError):
    """The address for metrics cannot be listened on."""


class HistoryUnavailable(RenderqSharedError):
    """The history's database does not respond, or refuses commands for now."""


class HistoryUnsuitable(RenderqSharedError):
    """The history's database cannot be used: its schema is of another release, its address or its place is wrong."""


class ManifestInvalid(RenderqSharedError):
    """A job's manifest is damaged or has another version."""


class CatalogInvalid(RenderqSharedError):
    """The model catalog cannot be read or refers to something that does not exist; one line for each argument."""

    def __str__(self) -> str:
        return "\n".join(" ".join(str(problem).split()) for problem in self.args)


class PromptWeightTooHigh(RenderqSharedError):
    """A weight in a prompt is too high."""


class CheckpointUnreadable(RenderqSharedError):
    """A file of weights is damaged, truncated, of an unknown format, or would execute code."""
