"""TCP proxy that loses replies: the request takes effect, but the client gets no answer."""

import random
import socket
import threading
from contextlib import suppress


class LossyProxy:
    """Forwards to a local port. Closes the connection instead of sending a fraction `loss` of the replies."""

    def __init__(self, target_port: int, loss: float, seed: int) -> None:
        self._target_port = target_port
        self._loss = loss
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.lost = 0
        """Number of lost replies."""

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def __enter__(self) -> "LossyProxy":
        self._spawn(self._accept)
        return self

    def __exit__(self, *exc: object) -> None:
        for each in (self._listener, *self._sockets):
            _close(each)
        for thread in self._threads:
            thread.join()

    def _spawn(self, run: object, *args: object) -> None:
        thread = threading.Thread(target=run, args=args)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets += [client, server]
                self._spawn(self._forward, client, server, 0.0)
                self._spawn(self._forward, server, client, self._loss)

    def _forward(self, source: socket.socket, sink: socket.socket, loss: float) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if self._random.random() < loss:
                    self.lost += 1
                    break
                sink.sendall(data)
        _close(source)
        _close(sink)


def _close(endpoint: socket.socket) -> None:
    with suppress(OSError):
        endpoint.shutdown(socket.SHUT_RDWR)
    endpoint.close()
