"""Command line of `renderq up`: options → settings → launch plan."""

import asyncio
import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from renderq.cli.formatting import print_error
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import FILE, FOLDER
from renderq_shared.console import flush_or_discard
from renderq_shared.errors import SettingsInvalid
from renderq_shared.local.embedded_redis import EmbeddedRedis, ServerNotFound
from renderq_shared.local.gpus import gpu_memory, worker_environments
from renderq_shared.local.processes import ProcessSpec
from renderq_shared.local.supervisor import LaunchPlan, Supervisor
from renderq_shared.private_folders import PRIVATE_UMASK, secure_data_folder
from renderq_shared.settings import LocalSettings

_DRAIN_S = 5.0
"""Default of RENDERQ_DRAIN_SECONDS, shorter than a worker's own, because a user waits for Ctrl-C to take effect."""


_OUTPUT_LIMIT_GB = 20
"""Default of RENDERQ_OUTPUT_LIMIT_GB: a person keeps everything, as far as a disk allows."""


class AlreadyRunning(Exception):
    """Another `renderq up` runs with the same data folder."""


@define_command("start Redis, the API and workers on this machine; Ctrl-C stops them")
@click.option("--host", metavar="HOST", help="address to listen on (default: 127.0.0.1)")
@click.option("--port", type=int, metavar="PORT", help="port to listen on; 0 selects a free one (default: 8400)")
@click.option(
    "--data", type=FOLDER, metavar="DIR", help="data folder, for jobs and images (default: ~/.local/share/renderq)"
)
@click.option("--redis-url", metavar="URL", help="use this Redis or Valkey instead of an embedded one")
@click.option(
    "--store",
    metavar="STORE",
    help="object store for images: folder:PATH or s3://BUCKET/PREFIX (default: in the data folder)",
)
@click.option("--models", type=FILE, metavar="FILE", help="model catalog, a models.toml (default: the built-in model)")
@click.option(
    "--workers",
    default="1",
    metavar="N",
    help="number of worker processes, or auto for one per GPU (default: 1); several of one GPU divide its memory",
)
def command(workers: str, **options: Any) -> int:
    try:
        os.umask(PRIVATE_UMASK)  # also that of the processes, Redis included
        settings = LocalSettings.from_options(options)
        count = _worker_count(workers)
        with _lock(settings.data):
            return asyncio.run(Supervisor(_plan(settings, count)).run())
    except (SettingsInvalid, AlreadyRunning, ServerNotFound, OSError, ValueError) as error:
        for line in str(error).splitlines():
            _print_error(line)
    finally:
        flush_or_discard()
    return 2


def _worker_count(text: str) -> int | None:
    """Return the number of workers; `None` for one per GPU."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--workers must be at least 1, or auto; got {text!r}")
    return int(text)


def _plan(settings: LocalSettings, count: int | None) -> LaunchPlan:
    """`count`: number of workers; `None` for one per GPU."""
    gpus = () if count == 1 else gpu_memory(os.environ)
    workers = count or max(1, len(gpus))
    has_external_redis = "redis_url" in settings.model_fields_set
    redis = None if has_external_redis else EmbeddedRedis.create(settings.data / "redis", durable=settings.durable)
    port = settings.port or _free_port(settings.host)
    threads = settings.threads or max(1, (os.cpu_count() or 1) // workers)
    drain_s = settings.drain_seconds if "drain_seconds" in settings.model_fields_set else _DRAIN_S
    redis_url = redis.url if redis else settings.redis_url
    env = {
        **_console_logs(),
        **_retention(os.environ),
        **os.environ,
        "RENDERQ_DRAIN_SECONDS": str(drain_s),
        "RENDERQ_THREADS": str(threads),
        "RENDERQ_HOST": settings.host,
        "RENDERQ_PORT": str(port),
        "RENDERQ_DATA": str(settings.data.resolve()),
        "RENDERQ_REDIS_URL": redis_url,
        "RENDERQ_STORE": settings.store,
        **({"RENDERQ_MODELS": str(settings.models.resolve())} if settings.models else {}),
    }
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return LaunchPlan(
        url=f"http://{host}:{port}",
        redis=redis,
        redis_url=redis_url,
        api=ProcessSpec("api", _command_line("api"), env, stop_seconds=10),
        workers=[
            ProcessSpec(
                f"worker-{number}",
                _command_line("worker"),
                {**worker_env, **_metrics_port(settings.metrics_port, number)},
                stop_seconds=drain_s + 10,
            )
            for number, worker_env in enumerate(worker_environments(env, workers, gpus), start=1)
        ],
        has_page=settings.page != "off",
    )


def _command_line(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "renderq", name)


def _metrics_port(api_port: int | None, worker: int) -> Mapping[str, str]:
    """Give worker `worker`, counted from 1, its own port for metrics: the API's plus `worker`; 0 is any free one."""
    return {"RENDERQ_METRICS_PORT": str(api_port + worker)} if api_port else {}


def _console_logs() -> Mapping[str, str]:
    """Request console logs: the processes write to a pipe, but people read it."""
    return {"RENDERQ_LOG_FORMAT": "console", "PYTHONUNBUFFERED": "1"}


def _retention(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Keep all jobs, up to a size of their images, unless the user says otherwise."""
    if any(name in environment for name in ("RENDERQ_OUTPUT_RETENTION_SECONDS", "RENDERQ_JOB_RETENTION_SECONDS")):
        return {}
    return {
        "RENDERQ_OUTPUT_RETENTION_SECONDS": "0",
        "RENDERQ_JOB_RETENTION_SECONDS": "0",
        "RENDERQ_OUTPUT_LIMIT_GB": str(_OUTPUT_LIMIT_GB),
    }


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def _lock(data: Path) -> Generator[None]:
    """Hold the data folder. Raises `AlreadyRunning` if another process does."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    secure_data_folder(data)
    with (data / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"another renderq up uses {data}; stop it, or choose another folder with --data"
            ) from error
        yield


def _print_error(text: str) -> None:
    print_error(text, "renderq up")
