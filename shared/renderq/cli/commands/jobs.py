"""`renderq jobs`: list jobs, newest first."""

import argparse
from datetime import datetime
from itertools import islice

from renderq.cli import connection
from renderq.cli.command import Command
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, describe, table
from renderq.contract import LIMITS, Job, Status

HEADER = ("ID", "STATUS", "MODEL", "CREATED", "PROMPT")

_PROMPT_CHARACTERS = 40


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", choices=[status.value for status in Status], help="Only jobs with this status.")
    parser.add_argument("--model", help="Only jobs of this model.")
    parser.add_argument("--task", help="Only jobs of this task.")
    for bound in ("after", "before"):
        parser.add_argument(
            f"--created-{bound}",
            type=_time,
            metavar="TIME",
            help=f"Only jobs created {bound} TIME, e.g. 2026-01-31 or 2026-01-31T12:00:00Z; local time without a zone.",
        )
    parser.add_argument("--limit", type=_count, default=20, metavar="N", help="List at most N jobs (default: 20).")
    parser.add_argument("--json", action="store_true", help="Print a JSON array.")
    connection.add_arguments(parser)


def _run(args: argparse.Namespace) -> int:
    with connection.connect(args) as client:
        listed = client.jobs.list(
            page_size=min(args.limit, LIMITS.page_jobs),
            status=args.status,
            model=args.model,
            task=args.task,
            created_after=args.created_after,
            created_before=args.created_before,
        )
        jobs = list(islice(listed, args.limit))
    if args.json:
        print(as_json(jobs))
    else:
        print(table(HEADER, [_row(job) for job in jobs]) if jobs else "no jobs")
    return ExitCode.OK


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time, such as 2026-01-31T12:00:00Z") from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _row(job: Job) -> tuple[object, ...]:
    prompt = " ".join(str(job.request.get("prompt", "")).split())
    short = prompt if len(prompt) <= _PROMPT_CHARACTERS else f"{prompt[: _PROMPT_CHARACTERS - 1]}…"
    return job.id, describe(job), job.model, f"{job.created_at:%Y-%m-%d %H:%M:%S %Z}", short


command = Command(
    help="list your jobs, newest first",
    add_arguments=_add_arguments,
    run=_run,
)
