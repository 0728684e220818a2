"""`renderq events`: show what happens to all jobs."""

from datetime import datetime

import rich_click as click

from renderq._core.tenant_events import TenantEvent
from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, printable
from renderq.cli.job_state import describe_progress
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.cli.parameter_types import SECONDS
from renderq.contract import QueuePlace, Stats

_WAITS = {
    "paused": "queued: paused by the operator",
    "no_worker_for_model": "queued: no worker serves its model",
}


@define_command(CLIENT_COMMANDS["events"].summary)
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="End after this time (default: Ctrl-C ends it).")
@json_option("Print every event as a line of JSON.")
@connection.options
def command(timeout: float | None) -> int:
    log = EventLog()
    with connection.connect() as client:
        for event in client.events(timeout=timeout):
            for line in [_as_json(event)] if wants_json() else log.lines(event):
                print(line, flush=True)
    return ExitCode.OK


class EventLog:
    """Lines about events. What reads as before makes none, such as a new estimate at the same place."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        """Subject → its text."""

    def lines(self, event: TenantEvent) -> list[str]:
        """Return the lines about an event, with the time of day."""
        texts = [each for each in _texts(event) if self._is_new(*each)]
        if event.job_id and (event.job is None or event.job.status.is_terminal):
            self._last.pop(event.job_id, None)
        return [f"{datetime.now():%H:%M:%S}  {subject:<30}  {text}" for subject, text in texts]

    def _is_new(self, subject: str, text: str) -> bool:
        is_new = self._last.get(subject) != text
        self._last[subject] = text
        return is_new


def _texts(event: TenantEvent) -> list[tuple[str, str]]:
    """Return subjects and texts."""
    if event.job:
        return [(event.job.id, printable(describe_progress(event.job)))]
    if event.name == "gone":
        return [(event.job_id or "", "deleted")]
    if event.stats:
        return [("service", _load(event.stats))]
    return [(place.id, _place(place)) for place in event.places]


def _place(place: QueuePlace) -> str:
    return _WAITS.get(place.wait_reason, f"queued: {place.queue_position} ahead")


def _load(stats: Stats) -> str:
    return f"{stats.queued_jobs} queued, {stats.running_jobs} running, {stats.workers} workers"


def _as_json(event: TenantEvent) -> str:
    values = {"id": event.job_id, "job": event.job, "places": event.places or None, "stats": event.stats}
    known = {name: value for name, value in values.items() if value is not None}
    return as_json({"event": event.name, **known}, indent=None)
