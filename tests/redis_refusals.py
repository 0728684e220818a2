"""Ways in which a running Redis refuses commands for a while."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from tests.polling import wait_until

Refuse = Callable[[str], AbstractContextManager[None]]


@contextmanager
def _configured(url: str, name: str, value: int) -> Iterator[None]:
    with redis.Redis.from_url(url) as admin:
        admin.config_set(name, value)
        try:
            yield
        finally:
            admin.config_set(name, 0)


def missing_replicas(url: str) -> AbstractContextManager[None]:
    return _configured(url, "min-replicas-to-write", 1)


def full_memory(url: str) -> AbstractContextManager[None]:
    return _configured(url, "maxmemory", 1)


@contextmanager
def replica(url: str) -> Iterator[None]:
    """A replica of a primary that is down."""
    with redis.Redis.from_url(url) as admin:
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        try:
            yield
        finally:
            admin.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def replica_without_data(url: str) -> Iterator[None]:
    """A replica that answers no reads either."""
    with redis.Redis.from_url(url) as admin, replica(url):
        admin.config_set("replica-serve-stale-data", "no")
        try:
            yield
        finally:
            admin.config_set("replica-serve-stale-data", "yes")


@contextmanager
def missing_permission(url: str) -> Iterator[None]:
    """The right to run scripts, and the right to consume lists, are missing."""
    with redis.Redis.from_url(url) as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-@scripting", "-brpop")
        try:
            yield
        finally:
            admin.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def missing_permission_in_script(url: str) -> Iterator[None]:
    with redis.Redis.from_url(url) as admin:
        admin.execute_command("ACL", "SETUSER", "default", "-time")
        try:
            yield
        finally:
            admin.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def full_disk(url: str) -> Iterator[None]:
    """The last snapshot could not be saved, because a folder is in the place of its file."""
    with redis.Redis.from_url(url, decode_responses=True) as admin:
        obstacle = Path(admin.config_get("dir")["dir"]) / admin.config_get("dbfilename")["dbfilename"]
        obstacle.unlink(missing_ok=True)
        (obstacle / "file").mkdir(parents=True)
        admin.config_set("save", "3600 1")
        _save(admin, "err")
        try:
            yield
        finally:
            (obstacle / "file").rmdir()
            obstacle.rmdir()
            _save(admin, "ok")
            admin.config_set("save", "")


@contextmanager
def busy_script(url: str) -> Iterator[None]:
    with redis.Redis.from_url(url) as admin, redis.Redis.from_url(url, retry=None) as busy:
        admin.config_set("busy-reply-threshold", 50)

        def run() -> None:
            with suppress(redis.ResponseError):  # killed
                busy.eval("while true do end", 0)

        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: _is_busy(admin))
        try:
            yield
        finally:
            admin.script_kill()
            thread.join()
            admin.config_set("busy-reply-threshold", 5_000)


REFUSALS: dict[str, Refuse] = {
    "NOREPLICAS": missing_replicas,
    "OOM": full_memory,
    "READONLY": replica,
    "MASTERDOWN": replica_without_data,
    "NOPERM": missing_permission,
    "MISCONF": full_disk,
    "BUSY": busy_script,
}
"""Code of the refusal → how to cause it."""


def _save(admin: Any, status: str) -> None:
    admin.bgsave()
    wait_until(lambda: admin.info("persistence")["rdb_last_bgsave_status"] == status)


def _is_busy(admin: redis.Redis) -> bool:
    try:
        admin.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")
    return False
