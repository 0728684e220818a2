"""The client's own commands, one module each."""

from renderq.cli.command import Command
from renderq.cli.commands import cancel, models, run, status, workers

CLIENT_COMMANDS: dict[str, Command] = {
    "run": run.command,
    "status": status.command,
    "cancel": cancel.command,
    "models": models.command,
    "workers": workers.command,
}
"""Name → command, in the order of `renderq --help`."""
