"""Errors of the worker process; each message says what was wrong and what to do."""


class WorkerError(Exception):
    """Any of the below."""


class DeviceUnusable(WorkerError):
    """The device that the settings name does not exist here, or is no device at all."""


class DownloadRefused(WorkerError):
    """The hub does not have what the catalog names, or does not give it to us."""


class HubUnavailable(WorkerError):
    """The hub cannot be reached, or it broke off."""
