"""Command `renderq history`. It connects to the database, not to the API."""

import rich_click as click

from renderq.cli.lazy_group import LazyCommand, LazyGroup

_PACKAGE, _PANEL = "renderq_shared.history_commands", "Commands"


@click.group(
    cls=LazyGroup,
    name="history",
    help="create, check and copy the database of ended jobs",
    entries={
        "migrate": LazyCommand(
            f"{_PACKAGE}.migrate", "create the tables, or change those of an earlier version", _PANEL
        ),
        "check": LazyCommand(
            f"{_PACKAGE}.check", "look for damage, and for jobs that do not arrive; changes nothing", _PANEL
        ),
        "copy": LazyCommand(f"{_PACKAGE}.copy", "copy everything to another database", _PANEL),
    },
)
def command() -> None:
    pass
