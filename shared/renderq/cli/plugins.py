"""Commands of other packages, such as the services: found by entry point, loaded only when run."""

from typing import TYPE_CHECKING

import click

from renderq.cli.exit_codes import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "renderq.commands"

SUMMARIES = {
    "up": "start API, worker and stores on this machine",
    "api": "start the HTTP API",
    "worker": "start a worker",
    "keys": "create, list and revoke API keys",
    "history": "create, check and copy the database of ended jobs",
    "jobs-restore": "restore jobs from the object store",
    "models-check": "check the models of a catalog",
    "models-pull": "download the models of a catalog from the Hugging Face Hub",
}
"""Name → one line for the help, because loading a service for its help text takes a second."""

PANELS: dict[str, str] = dict.fromkeys(("up", "api", "worker", "keys", "history"), "Operate")
"""Name → heading in the help of `renderq`."""

_GROUPS = ("jobs", "models")
"""Commands of the client that plugins extend: `jobs-restore` is `renderq jobs restore`."""


def plugin_commands() -> "dict[str, EntryPoint]":
    """Return name → entry point, without importing the commands."""
    from importlib.metadata import entry_points  # slow to import, and the client's own commands do without

    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def subcommands(group: str) -> "dict[str, EntryPoint]":
    """Return subcommand → entry point for a group of the client, or for `renderq` itself (`""`)."""
    if group and group not in _GROUPS:
        return {}
    found = {_split(name): entry for name, entry in plugin_commands().items()}
    return {name: entry for (prefix, name), entry in found.items() if prefix == group}


def command_words(name: str) -> str:
    """Return a command's name as it is typed: `jobs-restore` is `jobs restore`."""
    return " ".join(filter(None, _split(name)))


def summary(entry: "EntryPoint") -> str:
    """Return the help line of a command without loading it."""
    package = entry.dist.name if entry.dist else "another package"
    return SUMMARIES.get(entry.name, f"from {package}")


def load_command(entry: "EntryPoint") -> click.Command:
    """Import a command. Raises `UsageError` if a dependency is not installed."""
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        raise missing_dependency(command_words(entry.name), error) from None


def missing_dependency(command: str, error: ModuleNotFoundError, extra: str = "all") -> UsageError:
    problem = f"`renderq {command}` needs {error.name}, which is not installed"
    return UsageError(f"{problem}: pip install 'renderq[{extra}]'")


def _split(name: str) -> tuple[str, str]:
    prefix, _, rest = name.partition("-")
    return (prefix, rest) if rest and prefix in _GROUPS else ("", name)
