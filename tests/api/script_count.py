"""Number of scripts that a call runs on Redis: its round trips."""

from collections.abc import Callable

from renderq_shared.redis.clients import sync_client


def scripts(url: str, call: Callable[[], object], mark: str) -> int:
    """Count the scripts whose arguments contain `mark` during a call; sweeps run concurrently."""
    seen = 0
    with sync_client(url) as watcher, watcher.monitor() as monitor, sync_client(url) as marker:
        marker.echo("begin")
        call()
        marker.echo("end")
        for command in monitor.listen():
            if command["command"] == "ECHO end":
                return seen
            seen += (
                command["client_type"] != "lua" and command["command"].startswith("EVAL") and mark in command["command"]
            )
    raise AssertionError("the server closed the monitor")
