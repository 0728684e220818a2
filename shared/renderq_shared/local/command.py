"""The command line of `renderq up`: options → settings → plan."""

import argparse
import asyncio
import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Generator, Mapping
from pathlib import Path

from pydantic import ValidationError

from renderq.cli.command import Command
from renderq_shared.local.embedded_redis import EmbeddedRedis, ServerNotFound
from renderq_shared.local.processes import ProcessSpec
from renderq_shared.local.supervisor import LaunchPlan, Supervisor
from renderq_shared.settings.models import ApiSettings, format_errors

_DRAIN_S = 5.0
"""On one machine somebody waits for Ctrl-C to end: shorter than a worker's own default, unless set."""


class AlreadyRunning(Exception):
    """Another `renderq up` uses the same data folder."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 takes a free one (default: 8400)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder for jobs and pictures")
    parser.add_argument("--redis-url", help="use this Redis or Valkey instead of an embedded one")
    parser.add_argument("--store", help="where pictures live: folder:PATH or s3://BUCKET/PREFIX (default: a folder)")
    parser.add_argument("--models", type=Path, metavar="FILE", help="the catalog, a models.toml")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default: 1)")


def _run(arguments: argparse.Namespace) -> int:
    named = {name: getattr(arguments, name) for name in ("host", "port", "data", "redis_url", "store", "models")}
    try:
        settings = ApiSettings(**{name: value for name, value in named.items() if value is not None})
        if arguments.workers < 1:
            raise ValueError("--workers must be at least 1")
        with _sole_user_of(settings.data):
            return asyncio.run(Supervisor(_plan(settings, arguments.workers)).run())
    except ValidationError as error:
        for line in format_errors(error):
            _complain(line)
    except (AlreadyRunning, ServerNotFound, OSError, ValueError) as error:
        _complain(str(error))
    return 2


command = Command(
    help="Start Redis, API and workers on this machine, and stop them all with Ctrl-C.",
    add_arguments=_add_arguments,
    run=_run,
)


def _plan(settings: ApiSettings, workers: int) -> LaunchPlan:
    external = "redis_url" in settings.model_fields_set
    redis = None if external else EmbeddedRedis.create(settings.data / "redis", durable=settings.durable)
    port = settings.port or _free_port(settings.host)
    threads = max(1, (os.cpu_count() or 1) // workers)
    redis_url = redis.url if redis else settings.redis_url
    env = {
        **_console_logs(),
        "RENDERQ_DRAIN_SECONDS": f"{_DRAIN_S:g}",
        "RENDERQ_THREADS": str(threads),
        **os.environ,
        "RENDERQ_HOST": settings.host,
        "RENDERQ_PORT": str(port),
        "RENDERQ_DATA": str(settings.data.resolve()),
        "RENDERQ_REDIS_URL": redis_url,
        "RENDERQ_STORE": settings.store,
        **({"RENDERQ_MODELS": str(settings.models.resolve())} if settings.models else {}),
    }
    drain = float(env["RENDERQ_DRAIN_SECONDS"])
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return LaunchPlan(
        url=f"http://{host}:{port}",
        redis=redis,
        redis_url=redis_url,
        api=ProcessSpec("api", _part("api"), env, stop_seconds=10),
        workers=[
            ProcessSpec(f"worker-{number}", _part("worker"), env, stop_seconds=drain + 10)
            for number in range(1, workers + 1)
        ],
    )


def _part(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "renderq", name)


def _console_logs() -> Mapping[str, str]:
    """The parts write to our pipe, and still people read it."""
    return {"RENDERQ_LOG_FORMAT": "console", "PYTHONUNBUFFERED": "1"}


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _sole_user_of(data: Path) -> Generator[None]:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise AlreadyRunning(
                f"another renderq up uses {data}; stop it, or choose another folder with --data"
            ) from taken
        yield


def _complain(text: str) -> None:
    print(f"renderq up: {text}", file=sys.stderr)  # noqa: T201
