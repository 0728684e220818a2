"""`redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/DATABASE`: Sentinels that know who the primary is."""

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
    """Where to ask for the primary, and how to talk to it."""

    hosts: tuple[tuple[str, int], ...]
    service: str
    database: int
    username: str | None
    password: str | None = field(repr=False)

    @property
    def credentials(self) -> dict[str, Any]:
        """What a connection to the primary needs; Sentinels are asked without."""
        return {"db": self.database, "username": self.username, "password": self.password}

    @property
    def celery_url(self) -> str:
        """As kombu takes it; the service's name goes beside it."""
        user, password = quote(self.username or "", safe=""), quote(self.password or "", safe="")
        sign_in = f"{user}:{password}@" if self.password else ""
        return ";".join(f"sentinel://{sign_in}{host}:{port}/{self.database}" for host, port in self.hosts)


def parse_sentinel_url(url: str) -> SentinelUrl | None:
    """`None` for addresses of another kind. Raises `ValueError`."""
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
