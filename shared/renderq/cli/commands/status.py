"""`renderq status`: show a job."""

import argparse
from collections.abc import Iterator

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, printable
from renderq.cli.progress import progress_line
from renderq.contract import Job


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="Job id, job_…")
    parser.add_argument("--json", action="store_true", help="Print the job as JSON.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        job = client.job(args.id).job
    print(as_json(job) if args.json else "\n".join(_lines(job)))
    return ExitCode.OK


def _lines(job: Job) -> Iterator[str]:
    yield f"{job.id}  {progress_line(job)}"
    yield f"prompt   {printable(str(job.request.get('prompt', '')))}"
    yield f"model    {printable(job.model)}"
    yield f"created  {job.created_at:%Y-%m-%d %H:%M:%S %Z}"
    if job.completed_at:
        yield f"ended    {job.completed_at:%Y-%m-%d %H:%M:%S %Z}"
    if job.worker:
        yield f"worker   {printable(job.worker)}"
    for output in job.outputs:
        yield f"image {output.index}  {output.width}×{output.height}, seed {output.seed}, {output.url}"
    if job.grid:
        yield f"grid     {job.grid.width}×{job.grid.height}, {job.grid.columns} by {job.grid.rows}, {job.grid.url}"
    if job.error:
        yield f"error    {job.error.code}: {printable(job.error.message)}"
    for warning in job.warnings:
        yield f"warning  {warning.code}: {printable(warning.message)}"


command = Command(
    help="show the state of a job",
    add_arguments=_add_arguments,
    run=_run,
)
