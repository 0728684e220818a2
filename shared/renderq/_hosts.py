"""Host names that no connection can be made to."""

import httpx2


def has_valid_host(url: httpx2.URL) -> bool:
    """Return whether a resolver accepts the host, which has no empty label and none of more than 63 characters."""
    try:
        url.raw_host.decode("ascii").encode("idna")
    except UnicodeError:
        return False
    return True
