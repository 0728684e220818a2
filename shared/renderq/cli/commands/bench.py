"""`renderq bench`: throughput and latency of a service."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import rich_click as click

from renderq.cli import connection, request_options
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import COUNT
from renderq.cli.progress import progress_bars
from renderq.client import AsyncClient
from renderq.contract import Job
from renderq.errors import JobNotSucceeded, RenderqError
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


@define_command(CLIENT_COMMANDS["bench"].summary, EPILOG)
@request_options.add_options(format_default="png")
@click.option("--jobs", "count", type=COUNT, default=20, metavar="N", help="Number of jobs (default: 20).")
@click.option("--concurrency", type=COUNT, default=4, metavar="N", help="Jobs in flight at a time (default: 4).")
@json_option("Print the results as JSON.")
@connection.options
def command(prompt: str | None, count: int, concurrency: int, **options: Any) -> int:
    fields = request_options.request_fields(options, options["format"])
    start = time.monotonic()
    try:
        jobs = asyncio.run(_run_all(prompt, fields, count, concurrency))
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error
    results = _measure(jobs, time.monotonic() - start)
    print(as_json(results) if wants_json() else _format(results))
    return ExitCode.OK if all(job.error is None for job in jobs) else ExitCode.JOB_FAILED


async def _run_all(prompt: str | None, fields: RequestParams, count: int, concurrency: int) -> list[Job]:
    """Run the jobs, at most `concurrency` at a time."""
    slots = asyncio.Semaphore(concurrency)
    async with connection.connect_async() as client:
        with progress_bars(sys.stderr, unit="jobs") as bars:

            async def run_in_slot() -> Job:
                async with slots:
                    job = await _run_one(client, prompt, fields)
                if bars:
                    bars.count(count)
                return job

            return await asyncio.gather(*(run_in_slot() for _ in range(count)))


async def _run_one(client: AsyncClient, prompt: str | None, fields: RequestParams) -> Job:
    """Run a job. Ctrl-C cancels it."""
    handle = await client.submit(prompt, **fields)
    try:
        return await handle.wait()
    except JobNotSucceeded as error:
        return error.job
    except asyncio.CancelledError:
        with contextlib.suppress(RenderqError):
            await handle.cancel()
        raise


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
