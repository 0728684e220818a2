"""Sentinel URLs: `redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE`."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

SCHEME = "redis+sentinel"

_PORT = 26_379

_URL = re.compile(
    r"redis\+sentinel://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?(?P<hosts>[^/@]+)/(?P<service>[\w.-]+)"
    r"(?:/(?P<database>\d+))?"
)
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(?P<port>\d{1,5}))?")


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


def parse_sentinel_url(url: str) -> SentinelUrl | None:
    """Parse a Sentinel URL; `None` for other schemes. Raises `ValueError`."""
    if not url.startswith(f"{SCHEME}://"):
        return None
    match = _URL.fullmatch(url)
    hosts = [_HOST.fullmatch(host) for host in match["hosts"].split(",")] if match else [None]
    if match is None or None in hosts:
        raise ValueError("must be redis+sentinel://HOST:PORT,HOST:PORT/SERVICE, e.g. …//s1:26379,s2:26379/mymaster")
    return SentinelUrl(
        hosts=tuple((host["name"].strip("[]"), int(host["port"] or _PORT)) for host in hosts if host),
        service=match["service"],
        database=int(match["database"] or 0),
        username=unquote(match["user"]) if match["user"] else None,
        password=unquote(match["password"]) if match["password"] else None,
    )
