"""Requests as bytes over a socket, for what no HTTP library sends."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from tests.api.running_api import RunningApi


@contextmanager
def connected(api: RunningApi) -> Iterator[socket.socket]:
    url = httpx2.URL(api.url)
    with socket.create_connection((url.host, url.port), timeout=30) as connection:
        yield connection


def exchange(api: RunningApi, request: bytes) -> bytes:
    """Send a request and return all bytes until the server closes the connection."""
    with connected(api) as connection:
        connection.sendall(request)
        return until_end(connection)


def until_end(connection: socket.socket) -> bytes:
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionResetError:
        pass
    return received


def statuses(received: bytes) -> list[int]:
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
