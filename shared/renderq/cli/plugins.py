"""Commands that other packages add, above all the services': found by name, loaded only when chosen."""

from importlib.metadata import EntryPoint, entry_points

from renderq.cli.command import Command
from renderq.cli.exit_codes import UsageError

ENTRY_POINT_GROUP = "renderq.commands"

SUMMARIES = {
    "up": "start the whole service on this machine",
    "api": "start the HTTP API",
    "worker": "start a worker",
    "jobs-restore": "bring jobs back from the object store",
    "keys": "create, list and revoke API keys",
    "models-check": "say what is wrong with the models of a catalog",
    "models-pull": "download what a catalog names on the hub",
}
"""Name → one line for `renderq --help`: to load a service for its help text would take a second. A name of two words,
such as `jobs-restore`, is a command below one of the client's."""


def plugin_commands() -> dict[str, EntryPoint]:
    """Name → where the command is; nothing is imported."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}


def command_words(name: str) -> str:
    """A command's name as it is typed: `jobs-restore` is `jobs restore`."""
    return name.replace("-", " ")


def summary(entry: EntryPoint) -> str:
    """One line about a command that is not loaded."""
    package = entry.dist.name if entry.dist else "another package"
    return SUMMARIES.get(entry.name, f"from {package}")


def load_command(entry: EntryPoint) -> Command:
    """Import a command. Raises `UsageError` if what it needs is not installed."""
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        raise missing_dependency(entry.name, error) from None


def missing_dependency(name: str, error: ModuleNotFoundError, extra: str = "all") -> UsageError:
    needed = f"`renderq {command_words(name)}` needs {error.name}, which is not installed"
    return UsageError(f"{needed}: pip install 'renderq[{extra}]'")
