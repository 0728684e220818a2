"""Configuration of a client: arguments, then environment variables, then defaults."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from operator import index

import httpx2

from renderq._headers import is_header_value
from renderq._hosts import has_valid_host
from renderq._proxies import Proxies
from renderq._retry import Retry, RetryLog
from renderq.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8400"
URL_VARIABLE = "RENDERQ_URL"
API_KEY_VARIABLE = "RENDERQ_API_KEY"

_PORT_MAX = 65535
_CREDENTIALS = re.compile("//[^/@]*@")


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
    on_retry: Callable[[Retry], None] = field(repr=False)
    """Called before the pause of every repeated attempt."""
    proxies: Proxies = field(repr=False)

    def url(self, path: str) -> httpx2.URL:
        """Return the URL of a path below the service; an absolute URL is returned unchanged."""
        return self.base_url.join(path)

    def is_same_origin(self, url: httpx2.URL) -> bool:
        """Return whether scheme, host and port are the service's: only then the API key is sent."""
        own = self.base_url
        return (url.scheme, url.host, url.port) == (own.scheme, own.host, own.port)


def configure(
    base_url: str | None,
    api_key: str | None,
    timeout: float,
    max_retries: int,
    environ: Mapping[str, str],
    on_retry: Callable[[Retry], None] | None = None,
) -> Configuration:
    """Fill omitted arguments from the environment and the defaults.

    Raises `ConfigurationError` for a URL that is not http or https, a key that no header can carry, a number out of
    range, and a proxy that cannot be used.
    """
    url = _url(base_url, environ)
    proxies = Proxies(environ)
    proxies.find(url)
    return Configuration(
        base_url=url,
        api_key=_api_key(api_key, environ),
        timeout=_timeout(timeout),
        max_retries=_max_retries(max_retries),
        on_retry=RetryLog() if on_retry is None else on_retry,
        proxies=proxies,
    )


def describe(kind: str, configuration: Configuration) -> str:
    """Return the representation of a client, without key and password."""
    url = configuration.base_url
    key = "with an API key" if configuration.api_key else "without an API key"
    return f"<{kind} of {url.scheme}://{url.netloc.decode()}{url.path} {key}>"


def _url(argument: object, environ: Mapping[str, str]) -> httpx2.URL:
    if argument is None:
        variable = environ.get(URL_VARIABLE, "").strip()
        return _parse_url(variable, URL_VARIABLE) if variable else _parse_url(DEFAULT_URL, "the default")
    if not isinstance(argument, str | httpx2.URL):
        raise ConfigurationError(f"base_url must be a URL, such as {DEFAULT_URL}, not {type(argument).__name__}")
    return _parse_url(str(argument).strip(), "base_url")


def _parse_url(address: str, origin: str) -> httpx2.URL:
    shown = repr(_CREDENTIALS.sub("//…@", address))
    try:
        url = httpx2.URL(address)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise ConfigurationError(f"{origin}: {shown} is not a URL: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"{origin}: {shown} is not an http or https URL, such as {DEFAULT_URL}")
    if not has_valid_host(url):
        raise ConfigurationError(f"{origin}: the host of {shown} has an empty part, or one of more than 63 characters")
    if url.port is not None and not 1 <= url.port <= _PORT_MAX:
        raise ConfigurationError(f"{origin}: the port of {shown} is not from 1 to {_PORT_MAX}")
    return url.copy_with(path=url.path.rstrip("/") + "/", query=None, fragment=None)


def _api_key(argument: object, environ: Mapping[str, str]) -> str | None:
    """Return the key without surrounding whitespace. Messages do not contain it."""
    if argument is None:
        key, origin = environ.get(API_KEY_VARIABLE, "").strip(), API_KEY_VARIABLE
        if not key:
            return None
    elif isinstance(argument, str):
        key, origin = argument.strip(), "api_key"
        if not key:
            raise ConfigurationError(f"api_key is empty; pass a key, or None for the one in {API_KEY_VARIABLE}")
    else:
        raise ConfigurationError(f"api_key must be text, not {type(argument).__name__}")
    if not is_header_value(key) or " " in key:
        raise ConfigurationError(
            f"{origin} contains a character that no API key has, such as a letter outside ASCII, a space or a line "
            "break; copy the key again"
        )
    return key


def _timeout(argument: object) -> float:
    try:
        seconds = float(argument)  # pyright: ignore[reportArgumentType] — checked by the call
    except (TypeError, ValueError, OverflowError):
        seconds = 0.0
    if isinstance(argument, str) or not 0 < seconds < inf:
        raise ConfigurationError(f"timeout must be seconds, greater than 0 and finite; got {argument!r}")
    return seconds


def _max_retries(argument: object) -> int:
    try:
        number = index(argument)  # pyright: ignore[reportArgumentType] — checked by the call
    except TypeError:
        number = -1
    if number < 0:
        raise ConfigurationError(f"max_retries must be a whole number, at least 0; got {argument!r}")
    return number
