"""Startup errors of the API. Each message says what to do."""


class ApiError(Exception):
    """Base class of the API's startup errors."""


class NotLoopback(ApiError):
    """The host is reachable from other machines, but no API key exists."""


class AddressUnavailable(ApiError):
    """The server cannot listen on its address."""


class RefusedWordsUnreadable(ApiError):
    """The list of words that visitors' prompts must not have cannot be read."""


class SecretUnusable(ApiError):
    """The file of the secret cannot be read or created."""
