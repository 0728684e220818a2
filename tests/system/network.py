"""Several hosts on one machine: network namespaces with virtual cables to a switch that can be unplugged."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_SWITCH = "switch"


class Network:
    """`hosts`: name → its networks → its address there. A host reaches only its own networks.

    Use as a context manager.
    """

    def __init__(self, hosts: Mapping[str, Mapping[str, str]], name: str = "") -> None:
        self._hosts = hosts
        self._prefix = "-".join(filter(None, ("renderq", str(os.getpid()), name)))

    def __enter__(self) -> Self:
        _delete_stale_namespaces()
        try:
            self._add(_SWITCH)
            for network in {network for cables in self._hosts.values() for network in cables}:
                self._ip(_SWITCH, "link", "add", network, "type", "bridge")
                self._ip(_SWITCH, "link", "set", network, "up")
            for host, cables in self._hosts.items():
                self._add(host)
                for network, address in cables.items():
                    self._plug_in(host, network, address)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in (*self._hosts, _SWITCH):
            subprocess.run(["ip", "netns", "delete", self._namespace(name)], capture_output=True, check=False)

    @contextmanager
    def on(self, host: str) -> Iterator[None]:
        """Put this thread, and processes it starts, on the host."""
        with Path("/proc/thread-self/ns/net").open() as here:
            _enter(Path("/run/netns", self._namespace(host)))
            try:
                yield
            finally:
                _set_namespace(here.fileno())

    def disconnect(self, host: str) -> None:
        """Unplug the host's cables: packets from and to it are lost."""
        self._set_cables(host, "down")

    def reconnect(self, host: str) -> None:
        self._set_cables(host, "up")

    def _set_cables(self, host: str, state: str) -> None:
        for network in self._hosts[host]:
            self._ip(_SWITCH, "link", "set", _cable(host, network), state)

    def _add(self, name: str) -> None:
        _run("ip", "netns", "add", self._namespace(name))
        self._ip(name, "link", "set", "lo", "up")

    def _plug_in(self, host: str, network: str, address: str) -> None:
        cable, switch = _cable(host, network), self._namespace(_SWITCH)
        self._ip(host, "link", "add", network, "type", "veth", "peer", "name", cable, "netns", switch)
        self._ip(_SWITCH, "link", "set", cable, "master", network, "up")
        self._ip(host, "address", "add", f"{address}/24", "dev", network)
        self._ip(host, "link", "set", network, "up")

    def _ip(self, name: str, *command: str) -> None:
        _run("ip", "-netns", self._namespace(name), *command)

    def _namespace(self, name: str) -> str:
        return f"{self._prefix}-{name}"


def _delete_stale_namespaces() -> None:
    """Delete the hosts of killed tests."""
    for place in Path("/run/netns").glob("renderq-*"):
        pid = place.name.split("-")[1]
        if not Path("/proc", pid).exists():
            subprocess.run(["ip", "netns", "delete", place.name], capture_output=True, check=False)


def unavailable_reason() -> str | None:
    """Reason why this machine cannot create such hosts; `None` where it can."""
    if shutil.which("ip") is None:
        return "there is no ip command (iproute2)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"renderq-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"this machine allows no network namespaces: {made.stderr.strip()}"
    _run("ip", "netns", "delete", probe)
    return None


def _cable(host: str, network: str) -> str:
    """The switch's end; names of interfaces have at most 15 characters."""
    return f"{host[:7]}-{network[:7]}"


def _enter(namespace: Path) -> None:
    with namespace.open() as there:
        _set_namespace(there.fileno())


def _set_namespace(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
