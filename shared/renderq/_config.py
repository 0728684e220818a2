"""Where the service is and how patiently to talk to it: arguments first, then the environment, then defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2

from renderq.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8400"
URL_VARIABLE = "RENDERQ_URL"
API_KEY_VARIABLE = "RENDERQ_API_KEY"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a client was built with."""

    base_url: httpx2.URL
    """Ends with a slash."""
    api_key: str | None = field(repr=False)
    timeout: float
    """Seconds that one attempt may wait for the next byte, beyond what it asked the service to wait."""
    max_retries: int
    """Attempts after the first, for one call."""

    def url(self, path: str) -> httpx2.URL:
        """The address of a path under the service, or an absolute address as it is."""
        return self.base_url.join(path)

    def is_same_origin(self, url: httpx2.URL) -> bool:
        """Whether the API key may be sent there: same scheme, host and port."""
        own = self.base_url
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)


def configure(
    base_url: str | None, api_key: str | None, timeout: float, max_retries: int, environ: Mapping[str, str]
) -> Configuration:
    """Fill in what the arguments leave open.

    Raises `ConfigurationError` if the address is not an http or https URL, or if a number is out of range.
    """
    address = base_url or environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL
    if timeout <= 0 or max_retries < 0:
        raise ConfigurationError(f"timeout must be above 0 and max_retries at least 0; got {timeout}, {max_retries}")
    return Configuration(
        base_url=_parse_url(address),
        api_key=api_key or environ.get(API_KEY_VARIABLE, "").strip() or None,
        timeout=timeout,
        max_retries=max_retries,
    )


def _parse_url(address: str) -> httpx2.URL:
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL as error:
        raise ConfigurationError(f"{address!r} is not a URL: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"{address!r} is not an http or https URL; {DEFAULT_URL} would be one")
    return url.copy_with(path=url.path.rstrip("/") + "/", query=None, fragment=None)
