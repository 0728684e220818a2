"""Startup errors of the API. Each message says what to do."""


class ApiError(Exception):
    """Base class of the API's startup errors."""


class NotLoopback(ApiError):
    """The host is reachable from other machines, but no API key exists."""


class AddressUnavailable(ApiError):
    """The server cannot listen on its address."""
