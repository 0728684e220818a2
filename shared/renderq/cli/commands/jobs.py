"""`renderq jobs`: list jobs, newest first."""

import sys
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, colored, is_terminal, local_time, print_error, table
from renderq.cli.job_state import COLORS, describe
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import LazyGroup
from renderq.cli.parameter_types import COUNT, KEY_VALUE, TIME, WORD
from renderq.contract import LIMITS, Job, Status

HEADER = ("ID", "STATUS", "MODEL", "CREATED", "SEED", "KEPT", "LABELS", "PROMPT")

EPILOG = """\
examples:
  renderq jobs --status failed --limit 100
  renderq jobs --search '"red circle" blue' --label favorite
  renderq jobs --since yesterday --all --json | jq -r '.[].id'
"""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_PROMPT_CHARACTERS = 40
_DEFAULT_LIMIT = 20
_STATUSES = [status.value for status in Status]


def _time_option(bound: str, *names: str) -> Callable[[Decorated], Decorated]:
    text = f"Only jobs created {bound} TIME: yesterday, 2026-01-31 or 2026-01-31T12:00:00Z; local time without a zone."
    return click.option(f"--created-{bound}", *names, f"created_{bound}", type=TIME, metavar="TIME", help=text)


@click.group(
    cls=LazyGroup, name="jobs", help=CLIENT_COMMANDS["jobs"].summary, epilog=EPILOG, invoke_without_command=True
)
@click.option(
    "--status",
    type=click.Choice(_STATUSES),
    metavar="STATUS",
    help=f"Only jobs with this status. One of: {', '.join(_STATUSES)}.",
)
@click.option("--model", type=WORD, metavar="NAME", help="Only jobs of this model.")
@click.option("--task", type=WORD, metavar="NAME", help="Only jobs of this task.")
@click.option(
    "--search", "q", metavar="WORDS", help="Only jobs with all these words in a prompt; adjacent ones in double quotes."
)
@click.option("--label", "labels", multiple=True, metavar="LABEL", help="Only jobs with this label; may be repeated.")
@click.option("--kept/--not-kept", default=None, help="Only jobs that are kept, or that are not.")
@click.option("--batch", type=WORD, metavar="ID", help="Only jobs of this batch, in its order.")
@click.option("--seed", type=int, metavar="N", help="Only jobs with this seed.")
@click.option("--metadata", multiple=True, type=KEY_VALUE, metavar="KEY=VALUE", help="Only jobs with this metadata.")
@click.option("--error-code", metavar="CODE", help="Only jobs that failed with this code.")
@_time_option("after", "--since")
@_time_option("before")
@click.option("--limit", type=COUNT, metavar="N", help=f"List at most N jobs (default: {_DEFAULT_LIMIT}).")
@click.option("--all", "lists_all", is_flag=True, help="List all jobs.")
@json_option("Print a JSON array.")
@connection.options
@click.pass_context
def command(
    context: click.Context,
    status: str | None,
    model: str | None,
    task: str | None,
    q: str | None,
    labels: tuple[str, ...],
    kept: bool | None,
    batch: str | None,
    seed: int | None,
    metadata: tuple[tuple[str, str], ...],
    error_code: str | None,
    created_after: datetime | None,
    created_before: datetime | None,
    limit: int | None,
    lists_all: bool,
) -> int:
    if context.invoked_subcommand:
        return ExitCode.OK
    if lists_all and limit:
        raise UsageError("--all and --limit exclude each other")
    limit = None if lists_all else limit or _DEFAULT_LIMIT
    with connection.connect() as client:
        found = client.jobs.list(
            page_size=min(limit or LIMITS.page_jobs, LIMITS.page_jobs),
            status=status,
            model=model,
            task=task,
            q=q,
            labels=labels,
            kept=kept,
            batch=batch,
            seed=seed,
            metadata=dict(metadata),
            error_code=error_code,
            created_after=created_after,
            created_before=created_before,
        )
        jobs = list(islice(found, limit))
    if wants_json():
        print(as_json(jobs))
        return ExitCode.OK
    print(_table(jobs) if jobs else "no jobs")
    if len(jobs) == limit and is_terminal(sys.stdout):
        print_error(f"showing the newest {limit}; --limit N or --all shows more", color="yellow")
    return ExitCode.OK


def _table(jobs: list[Job]) -> str:
    lines = table(HEADER, [_row(job) for job in jobs]).splitlines()
    rows = (_colored(line, job) for line, job in zip(lines[1:], jobs, strict=True))
    return "\n".join([lines[0], *rows])


def _row(job: Job) -> tuple[object, ...]:
    prompt = " ".join(str(job.request.get("prompt", "")).split())
    short = prompt if len(prompt) <= _PROMPT_CHARACTERS else f"{prompt[: _PROMPT_CHARACTERS - 1]}…"
    return (
        job.id,
        describe(job),
        job.model,
        local_time(job.created_at),
        job.request.get("seed", "-"),
        "yes" if job.kept else "-",
        ", ".join(job.labels) or "-",
        short,
    )


def _colored(line: str, job: Job) -> str:
    """Color the status, which follows the id."""
    state = describe(job)
    color = COLORS.get(job.status)
    return line.replace(state, colored(state, color, sys.stdout), 1) if color else line
