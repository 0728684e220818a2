"""Command line of `renderq up`: options → settings → launch plan."""

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
from renderq_shared.settings import ApiSettings, format_errors

_OPTIONS = ("host", "port", "data", "redis_url", "store", "models")

_DRAIN_S = 5.0
"""Default of RENDERQ_DRAIN_SECONDS, shorter than a worker's own, because a user waits for Ctrl-C to take effect."""


class AlreadyRunning(Exception):
    """Another `renderq up` runs with the same data folder."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on; 0 selects a free one (default: 8400)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder, for jobs and images (default: ~/.local/share/renderq)"
    )
    parser.add_argument("--redis-url", help="use this Redis or Valkey instead of an embedded one")
    parser.add_argument(
        "--store", help="object store for images: folder:PATH or s3://BUCKET/PREFIX (default: in the data folder)"
    )
    parser.add_argument(
        "--models", type=Path, metavar="FILE", help="model catalog, a models.toml (default: the built-in model)"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="number of worker processes (default: 1)")


def _run(arguments: argparse.Namespace) -> int:
    try:
        settings = ApiSettings.from_options({name: getattr(arguments, name) for name in _OPTIONS})
        if arguments.workers < 1:
            raise ValueError("--workers must be at least 1")
        with _lock(settings.data):
            return asyncio.run(Supervisor(_plan(settings, arguments.workers)).run())
    except ValidationError as error:
        for line in format_errors(error):
            _print_error(line)
    except (AlreadyRunning, ServerNotFound, OSError, ValueError) as error:
        _print_error(str(error))
    return 2


command = Command(
    help="Start Redis, the API and workers on this machine; Ctrl-C stops them.",
    add_arguments=_add_arguments,
    run=_run,
)


def _plan(settings: ApiSettings, workers: int) -> LaunchPlan:
    has_external_redis = "redis_url" in settings.model_fields_set
    redis = None if has_external_redis else EmbeddedRedis.create(settings.data / "redis", durable=settings.durable)
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
        api=ProcessSpec("api", _command_line("api"), env, stop_seconds=10),
        workers=[
            ProcessSpec(f"worker-{number}", _command_line("worker"), env, stop_seconds=drain + 10)
            for number in range(1, workers + 1)
        ],
    )


def _command_line(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "renderq", name)


def _console_logs() -> Mapping[str, str]:
    """Request console logs: the processes write to a pipe, but people read it."""
    return {"RENDERQ_LOG_FORMAT": "console", "PYTHONUNBUFFERED": "1"}


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _lock(data: Path) -> Generator[None]:
    """Hold the data folder. Raises `AlreadyRunning` if another process does."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"another renderq up uses {data}; stop it, or choose another folder with --data"
            ) from error
        yield


def _print_error(text: str) -> None:
    print(f"renderq up: {text}", file=sys.stderr)  # noqa: T201
