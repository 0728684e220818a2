"""Configuration of a client: arguments, then environment variables, then defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2

from renderq.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8400"
URL_VARIABLE = "RENDERQ_URL"
API_KEY_VARIABLE = "RENDERQ_API_KEY"


@dataclass(frozen=True, slots=True)
class Configuration:
    """URL, credentials and limits of a client."""

    base_url: httpx2.URL
    """Ends with a slash."""
    api_key: str | None = field(repr=False)
    timeout: float
    """Seconds that one attempt waits for the next byte, in addition to a requested `Prefer: wait`."""
    max_retries: int
    """Attempts of one call after the first."""

    def url(self, path: str) -> httpx2.URL:
        """Return the URL of a path below the service; an absolute URL is returned unchanged."""
        return self.base_url.join(path)

    def is_same_origin(self, url: httpx2.URL) -> bool:
        """Return whether scheme, host and port are the service's: only then the API key is sent."""
        own = self.base_url
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)


def configure(
    base_url: str | None, api_key: str | None, timeout: float, max_retries: int, environ: Mapping[str, str]
) -> Configuration:
    """Fill omitted arguments from the environment and the defaults.

    Raises `ConfigurationError` if the URL is not http or https, or a number is out of range.
    """
    address = base_url or environ.get(URL_VARIABLE, "").strip() or DEFAULT_URL
    if timeout <= 0 or max_retries < 0:
        raise ConfigurationError(
            f"timeout must be greater than 0 and max_retries at least 0; got {timeout}, {max_retries}"
        )
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
        raise ConfigurationError(f"{address!r} is not an http or https URL, such as {DEFAULT_URL}")
    return url.copy_with(path=url.path.rstrip("/") + "/", query=None, fragment=None)
