"""`renderq whoami`: show the tenant, role and limits of the key."""

from collections.abc import Iterator

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, counted, local_time, printable
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import command as define_command
from renderq.contract import Me


@define_command(CLIENT_COMMANDS["whoami"].summary)
@json_option("Print an object as JSON.")
@connection.options
def command() -> int:
    with connection.connect() as client:
        me = client.me()
    if wants_json():
        print(as_json(me))
        return ExitCode.OK
    for name, value in _facts(me):
        print(f"{name:<10}{printable(value)}")
    return ExitCode.OK


def _facts(me: Me) -> Iterator[tuple[str, str]]:
    yield "tenant", me.tenant
    yield "role", me.role
    if me.key:
        expiry = f", expires {local_time(me.key.expires_at)}" if me.key.expires_at else ""
        yield "key", f"{me.key.id} ({me.key.name}){expiry}"
    rate, visitor = me.limits.requests_per_minute, me.limits.visitor
    limits = [counted(me.limits.queued_jobs, "queued job")]
    if rate:
        limits.append(f"{counted(rate, 'request')} per minute")
    if visitor:
        limits += [f"{counted(visitor.images, 'image')} a job", f"{counted(visitor.jobs_per_day, 'job')} a day"]
    yield "limits", ", ".join(limits)
    yield "service", f"renderq {me.version}"
