"""Validation and conversion of `RENDERQ_REDIS_URL`."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis import ConnectionPool

from renderq_shared.redis.sentinel_url import parse_sentinel_url

SCHEMES = ("redis", "rediss", "redis+socket", "redis+sentinel")


def check_redis_url(url: str) -> None:
    """Raise `ValueError` for an invalid URL. Opens no connection."""
    if urlsplit(url).scheme not in SCHEMES:
        raise ValueError(f"must start with {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if parse_sentinel_url(url) is not None:
        return
    try:
        ConnectionPool.from_url(redis_py_url(url)).make_connection()
    except TypeError as error:
        option = re.search(r"argument '(\w+)'", str(error))
        raise ValueError(f"has an unknown option: {option[1] if option else error}") from error


def redis_py_url(url: str) -> str:
    """Return the URL in redis-py's format: kombu's `redis+socket:///path?virtual_host=0` is `unix:///path?db=0`."""
    parts = urlsplit(url)
    if parts.scheme != "redis+socket":
        return url
    query = {"db" if name == "virtual_host" else name: value for name, value in parse_qsl(parts.query)}
    return f"unix://{parts.netloc}{parts.path}?{urlencode(query)}"
