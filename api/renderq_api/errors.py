"""Why the service does not start. The message says what to do."""


class ApiError(Exception):
    """Any of the below."""


class NotLoopback(ApiError):
    """There is no key, so nobody but this machine may reach the service."""


class AddressUnavailable(ApiError):
    """The address cannot be listened on."""
