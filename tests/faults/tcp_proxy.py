"""A TCP proxy between two parts: open, or failing in one of the ways of networks and servers."""

import random
import socket
import threading
from contextlib import suppress
from enum import StrEnum

_SLOW_S = 0.3
_LOSS = 0.3


class ProxyMode(StrEnum):
    OPEN = "open"
    CUT = "cut"
    """Existing and new connections are closed."""
    SILENT = "silent"
    """Packets are dropped silently."""
    SLOW = "slow"
    """Every chunk is delayed."""
    LOSSY = "lossy"
    """Some connections are closed in place of a reply: the request took effect, but the client cannot know."""
    FAILING = "failing"
    """HTTP requests are answered with 500."""


class TcpProxy:
    """Forwards to a local port by `mode`; a changed mode applies to open connections, too."""

    def __init__(self, target_port: int, seed: int = 0, loses: bytes = b"") -> None:
        """`loses`: bytes of requests whose replies may get lost."""
        self._target_port = target_port
        self._loses = loses
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._mode = ProxyMode.OPEN
        self._closing = False
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._spawn(self._accept)

    @property
    def mode(self) -> ProxyMode:
        return self._mode

    @mode.setter
    def mode(self, mode: ProxyMode) -> None:
        with self._changed:
            self._mode = mode
            self._changed.notify_all()
        if mode in {ProxyMode.CUT, ProxyMode.FAILING}:
            self._drop_all()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        _end(self._listener)
        self._drop_all()

    def _spawn(self, run: object, *arguments: object) -> None:
        threading.Thread(target=run, args=arguments, daemon=True).start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        if self._mode is ProxyMode.CUT:
            return _end(client)
        if self._mode is ProxyMode.FAILING:
            return _answer_500(client)
        try:
            server = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
            server.settimeout(None)
        except OSError:
            return _end(client)
        self._sockets |= {client, server}
        can_lose = threading.Event()
        self._spawn(self._forward, client, server, can_lose, False)
        return self._forward(server, client, can_lose, True)

    def _forward(self, source: socket.socket, sink: socket.socket, can_lose: threading.Event, is_reply: bool) -> None:
        """`can_lose`: whether the reply to the last request may get lost."""
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if is_reply and self._is_lost(can_lose):
                    break
                if not is_reply and self._loses in data:
                    can_lose.set()
                self._hold()
                sink.sendall(data)
        for end in (source, sink):
            self._sockets.discard(end)
            _end(end)

    def _is_lost(self, can_lose: threading.Event) -> bool:
        could_lose = can_lose.is_set()
        can_lose.clear()
        return could_lose and self._mode is ProxyMode.LOSSY and self._random.random() < _LOSS

    def _hold(self) -> None:
        """Wait until chunks may pass."""
        with self._changed:
            if self._mode is ProxyMode.SLOW:
                self._changed.wait(_SLOW_S)
            self._changed.wait_for(lambda: self._mode is not ProxyMode.SILENT or self._closing)

    def _drop_all(self) -> None:
        for each in tuple(self._sockets):
            _end(each)


def _answer_500(client: socket.socket) -> None:
    with suppress(OSError):
        client.settimeout(2)
        client.recv(1 << 16)
        client.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):  # a reset would overtake the answer
            pass
    client.close()


def _end(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
