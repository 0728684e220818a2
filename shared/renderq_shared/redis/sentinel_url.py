"""Sentinel URLs: `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE`."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from renderq_shared.host_names import is_host

SCHEME = "redis+sentinel"

_PORT = 26_379

_URL = re.compile(
    r"redis\+sentinel://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?(?P<hosts>[^/@]+)/(?P<service>[A-Za-z0-9_.-]+)"
    r"(?:/(?P<database>[0-9]{1,6}))?"
)
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Addresses of Sentinels, name of the primary's service, and credentials of the primary."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None = field(repr=False)

    @property
    def credentials(self) -> dict[str, Any]:
        """Connection options of the primary. Sentinels are queried without credentials."""
        return {"db": self.database, "username": self.username, "password": self.password}

    @property
    def celery_url(self) -> str:
        """URL in kombu's format. kombu takes the service name as the transport option `master_name`."""
        user, password = quote(self.username or "", safe=""), quote(self.password or "", safe="")
        userinfo = f"{user}:{password}@" if self.password else ""
        return ";".join(f"sentinel://{userinfo}{host}:{port}/{self.database}" for host, port in self.hosts)


def _is_address(host: re.Match[str]) -> bool:
    return is_host(host["name"].strip("[]")) and 0 < int(host["port"] or _PORT) <= 65_535


def parse_sentinel_url(url: str) -> SentinelUrl | None:
    """Parse a Sentinel URL; `None` for other schemes. Raises `ValueError`."""
    if not url.startswith(f"{SCHEME}://"):
        return None
    match = _URL.fullmatch(url)
    hosts = [_HOST.fullmatch(host) for host in match["hosts"].split(",")] if match else [None]
    if match is None or not all(host and _is_address(host) for host in hosts):
        raise ValueError("must be redis+sentinel://HOST:PORT,HOST:PORT/SERVICE, e.g. …//s1:26379,s2:26379/mymaster")
    return SentinelUrl(
        hosts=tuple((host["name"].strip("[]"), int(host["port"] or _PORT)) for host in hosts if host),
        service=match["service"],
        database=int(match["database"] or 0),
        username=unquote(match["user"]) if match["user"] else None,
        password=unquote(match["password"]) if match["password"] else None,
    )
