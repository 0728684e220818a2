"""Commands of other packages, such as the services: found by entry point, loaded only when run."""

from importlib.metadata import EntryPoint, entry_points

from renderq.cli.command import Command
from renderq.cli.exit_codes import UsageError

ENTRY_POINT_GROUP = "renderq.commands"

SUMMARIES = {
    "up": "start API, worker and stores on this machine",
    "api": "start the HTTP API",
    "worker": "start a worker",
    "jobs-restore": "restore jobs from the object store",
    "keys": "create, list and revoke API keys",
    "models-check": "check the models of a catalog",
    "models-pull": "download the models of a catalog from the Hugging Face Hub",
}
"""Name → one line for `renderq --help`, because loading a service for its help text takes a second. A name of two
words, such as `jobs-restore`, is a subcommand of a client command."""


def plugin_commands() -> dict[str, EntryPoint]:
    """Return name → entry point, without importing anything."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def command_words(name: str) -> str:
    """Return a command's name as it is typed: `jobs-restore` is `jobs restore`."""
    return name.replace("-", " ")


def summary(entry: EntryPoint) -> str:
    """Return the help line of a command without loading it."""
    package = entry.dist.name if entry.dist else "another package"
    return SUMMARIES.get(entry.name, f"from {package}")


def load_command(entry: EntryPoint) -> Command:
    """Import a command. Raises `UsageError` if a dependency is not installed."""
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        raise missing_dependency(entry.name, error) from None


def missing_dependency(name: str, error: ModuleNotFoundError, extra: str = "all") -> UsageError:
    problem = f"`renderq {command_words(name)}` needs {error.name}, which is not installed"
    return UsageError(f"{problem}: pip install 'renderq[{extra}]'")
