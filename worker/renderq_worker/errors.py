"""Errors of the worker package. Each message says what is wrong and what to do."""


class WorkerError(Exception):
    """Base class of the errors below."""


class DeviceUnusable(WorkerError):
    """The configured device does not exist on this machine, or its name is invalid."""


class LibrariesUnfit(WorkerError):
    """Installed libraries do not fit each other, so that no model can be loaded."""


class DownloadRefused(WorkerError):
    """The hub does not have the model of the catalog, or denies access to it."""


class HubUnavailable(WorkerError):
    """The hub cannot be reached, or the download was interrupted."""
