"""`renderq bench`: how many images this service makes, and how long they take."""

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from renderq.cli import connection, request_options
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, table
from renderq.client import Client
from renderq.contract import Job
from renderq.errors import JobNotSucceeded
from renderq.request_params import RequestParams

EPILOG = """\
The seeds differ unless --seed is given.

examples:
  renderq bench "a red circle on a blue background" --jobs 50 --concurrency 8
  renderq bench "a lighthouse" --model sd15 --steps 20 --json | jq .images_per_second
"""

_MEASURED: dict[str, Callable[[Job], int | None]] = {
    "queue": lambda job: job.metrics.queue_ms,
    "inference": lambda job: job.metrics.inference_ms,
    "total": lambda job: job.metrics.total_ms,
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--jobs", type=int, default=20, metavar="N", help="How many jobs (default: 20).")
    parser.add_argument("--concurrency", type=int, default=4, metavar="N", help="How many wait at a time (default: 4).")
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    request_options.add_arguments(parser, format_default="png")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    if args.jobs < 1 or args.concurrency < 1:
        raise UsageError("--jobs and --concurrency must be at least 1")
    fields = request_options.request_fields(args, args.format)
    with connection.connect(args) as client, ThreadPoolExecutor(args.concurrency) as pool:
        began = time.monotonic()
        jobs = list(pool.map(lambda _: _one(client, args.prompt, fields), range(args.jobs)))
        seconds = time.monotonic() - began
    figures = _figures(jobs, seconds)
    print(as_json(figures) if args.json else _page(figures))
    return ExitCode.OK if all(job.error is None for job in jobs) else ExitCode.JOB_FAILED


def _one(client: Client, prompt: str | None, fields: RequestParams) -> Job:
    handle = client.submit(prompt, **fields)
    try:
        return handle.wait()
    except JobNotSucceeded as error:
        return error.job


def _figures(jobs: Sequence[Job], seconds: float) -> dict[str, Any]:
    images = sum(len(job.outputs) for job in jobs)
    return {
        "jobs": len(jobs),
        "unsuccessful": sum(job.status != "succeeded" for job in jobs),
        "images": images,
        "seconds": round(seconds, 3),
        "images_per_second": round(images / seconds, 3),
        "milliseconds": {name: _percentiles(jobs, measure) for name, measure in _MEASURED.items()},
    }


def _percentiles(jobs: Sequence[Job], measure: Callable[[Job], int | None]) -> dict[str, int] | None:
    values = sorted(value for job in jobs if (value := measure(job)) is not None)
    if not values:
        return None
    return {f"p{share}": values[min(len(values) - 1, len(values) * share // 100)] for share in (50, 95)}


def _page(figures: dict[str, Any]) -> str:
    measured: dict[str, dict[str, int] | None] = figures["milliseconds"]
    rows = [(name, found["p50"], found["p95"]) for name, found in measured.items() if found]
    return (
        f"{figures['jobs']} jobs, {figures['unsuccessful']} of them unsuccessful; {figures['images']} images in "
        f"{figures['seconds']:.1f} s: {figures['images_per_second']} a second\n\n"
        + table(("MILLISECONDS", "MEDIAN", "95 %"), rows)
    )


command = Command(
    help="submit many jobs and tell how many images a second come out, and how long they take",
    add_arguments=_add_arguments,
    run=_run,
)
