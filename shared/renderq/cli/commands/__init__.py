"""Commands of the client, one module each."""

from renderq.cli.command import Command
from renderq.cli.commands import (
    assets,
    bench,
    cancel,
    delete,
    inspect,
    jobs,
    models,
    retry,
    run,
    status,
    submit,
    tenants,
    watch,
    workers,
)

CLIENT_COMMANDS: dict[str, Command] = {
    "run": run.command,
    "submit": submit.command,
    "watch": watch.command,
    "status": status.command,
    "cancel": cancel.command,
    "jobs": jobs.command,
    "retry": retry.command,
    "delete": delete.command,
    "assets": assets.command,
    "inspect": inspect.command,
    "models": models.command,
    "workers": workers.command,
    "tenants": tenants.command,
    "bench": bench.command,
}
"""Name → command, in the order of `renderq --help`."""
