"""`renderq bench`: throughput and latency of a service."""

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
Every job gets a random seed unless --seed is given.

examples:
  renderq bench "a red circle on a blue background" --jobs 50 --concurrency 8
  renderq bench "a lighthouse" --model sd15 --steps 20 --json | jq .images_per_second
"""

_METRICS: dict[str, Callable[[Job], int | None]] = {
    "queue": lambda job: job.metrics.queue_ms,
    "inference": lambda job: job.metrics.inference_ms,
    "total": lambda job: job.metrics.total_ms,
}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("--jobs", type=int, default=20, metavar="N", help="Number of jobs (default: 20).")
    parser.add_argument(
        "--concurrency", type=int, default=4, metavar="N", help="Jobs in flight at a time (default: 4)."
    )
    parser.add_argument("--json", action="store_true", help="Print the results as JSON.")
    request_options.add_arguments(parser, format_default="png")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    if args.jobs < 1 or args.concurrency < 1:
        raise UsageError("--jobs and --concurrency must be at least 1")
    fields = request_options.request_fields(args, args.format)
    with connection.connect(args) as client, ThreadPoolExecutor(args.concurrency) as pool:
        start = time.monotonic()
        jobs = list(pool.map(lambda _: _run_one(client, args.prompt, fields), range(args.jobs)))
        seconds = time.monotonic() - start
    results = _measure(jobs, seconds)
    print(as_json(results) if args.json else _format(results))
    return ExitCode.OK if all(job.error is None for job in jobs) else ExitCode.JOB_FAILED


def _run_one(client: Client, prompt: str | None, fields: RequestParams) -> Job:
    handle = client.submit(prompt, **fields)
    try:
        return handle.wait()
    except JobNotSucceeded as error:
        return error.job


def _measure(jobs: Sequence[Job], seconds: float) -> dict[str, Any]:
    images = sum(len(job.outputs) for job in jobs)
    return {
        "jobs": len(jobs),
        "unsuccessful": sum(job.status != "succeeded" for job in jobs),
        "images": images,
        "seconds": round(seconds, 3),
        "images_per_second": round(images / seconds, 3),
        "milliseconds": {name: _percentiles(jobs, measure) for name, measure in _METRICS.items()},
    }


def _percentiles(jobs: Sequence[Job], measure: Callable[[Job], int | None]) -> dict[str, int] | None:
    values = sorted(value for job in jobs if (value := measure(job)) is not None)
    if not values:
        return None
    return {f"p{share}": values[min(len(values) - 1, len(values) * share // 100)] for share in (50, 95)}


def _format(results: dict[str, Any]) -> str:
    measured: dict[str, dict[str, int] | None] = results["milliseconds"]
    rows = [(name, values["p50"], values["p95"]) for name, values in measured.items() if values]
    return (
        f"{results['jobs']} jobs, {results['unsuccessful']} unsuccessful; {results['images']} images in "
        f"{results['seconds']:.1f} s: {results['images_per_second']} per second\n\n"
        + table(("MILLISECONDS", "MEDIAN", "95 %"), rows)
    )


command = Command(
    help="submit many jobs and measure throughput and latency",
    add_arguments=_add_arguments,
    run=_run,
)
