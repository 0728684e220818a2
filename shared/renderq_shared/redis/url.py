"""Validation and conversion of `RENDERQ_REDIS_URL`."""

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from redis import ConnectionPool

from renderq_shared.host_names import is_host
from renderq_shared.redis.sentinel_url import parse_sentinel_url

SCHEMES = ("redis", "rediss", "redis+socket", "redis+sentinel")

_DATABASE = re.compile(r"[0-9]{1,6}")


def check_redis_url(url: str) -> None:
    """Raise `ValueError` for an invalid URL. Opens no connection."""
    parts = _split(url)
    if parse_sentinel_url(url) is not None:
        return
    try:
        ConnectionPool.from_url(redis_py_url(url)).make_connection()
    except TypeError as error:
        option = re.search(r"argument '(\w+)'", str(error))
        raise ValueError(f"has an unknown option: {option[1] if option else error}") from error
    except ValueError as error:
        raise ValueError(f"has an invalid port or option: {error}") from error
    _check_location(parts)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError("must be a URL such as redis://HOST:PORT/DATABASE") from error
    if parts.scheme not in SCHEMES:
        raise ValueError(f"must start with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    return parts


def _check_location(parts: SplitResult) -> None:
    """Check host and database, of which redis-py and kombu would make different things. Raises `ValueError`."""
    query = dict(parse_qsl(parts.query))
    is_socket = parts.scheme == "redis+socket"
    database = query.get("virtual_host", "0") if is_socket else parts.path.removeprefix("/") or "0"
    if "db" in query or not _DATABASE.fullmatch(database):
        place = "redis+socket:///PATH?virtual_host=3" if is_socket else f"{parts.scheme}://HOST:PORT/3"
        raise ValueError(f"must name the database by its number, as in {place}")
    if not is_socket and not is_host(parts.hostname or "localhost"):
        raise ValueError(f"must name a host, as in {parts.scheme}://HOST:PORT/0")
    if is_socket and not parts.path.strip("/"):
        raise ValueError("must name a socket, as in redis+socket:///run/redis.sock")


def redis_py_url(url: str) -> str:
    """Return the URL in redis-py's format: kombu's `redis+socket:///path?virtual_host=0` is `unix:///path?db=0`."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    query = {"db" if name == "virtual_host" else name: value for name, value in parse_qsl(parts.query)}
    return f"unix://{parts.netloc}{parts.path}?{urlencode(query)}"
