"""Shared implementation of `renderq models` and `renderq tenants`: list all, pause or resume one."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import rich_click as click

from renderq.cli import connection
from renderq.cli.commands import CLIENT_COMMANDS
from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import as_json, table
from renderq.cli.json_option import json_option, wants_json
from renderq.cli.lazy_group import LazyGroup
from renderq.cli.parameter_types import WORD
from renderq.client import Client
from renderq.contract.base import ResponseModel

Item = TypeVar("Item", bound=ResponseModel)
Item_co = TypeVar("Item_co", bound=ResponseModel, covariant=True)


class Pausable(Protocol[Item_co]):
    """`client.models` or `client.tenants`."""

    def list(self) -> tuple[Item_co, ...]: ...

    def pause(self, name: str) -> Item_co: ...

    def resume(self, name: str) -> Item_co: ...


def pausable_group(
    name: str,
    pausable: Callable[[Client], Pausable[Item]],
    header: Sequence[str],
    row: Callable[[Item], Sequence[object]],
) -> LazyGroup:
    """Return the group `renderq NAME`, which lists the items unless it has a subcommand."""

    def show(items: Callable[[Pausable[Item]], tuple[Item, ...]]) -> int:
        with connection.connect() as client:
            shown = items(pausable(client))
        print(as_json(shown) if wants_json() else table(header, [row(item) for item in shown]))
        return ExitCode.OK

    @click.group(cls=LazyGroup, name=name, help=CLIENT_COMMANDS[name].summary, invoke_without_command=True)
    @json_option("Print a JSON array.")
    @connection.options
    @click.pass_context
    def group(context: click.Context) -> int:
        return ExitCode.OK if context.invoked_subcommand else show(lambda found: found.list())

    @group.command("list", help=f"list the {name} (default)")
    @json_option("Print a JSON array.")
    @connection.options
    def list_items() -> int:
        return show(lambda found: found.list())

    @group.command(help=f"stop starting the jobs of one of the {name}")
    @click.argument("name", metavar="NAME", type=WORD)
    @json_option("Print a JSON array.")
    @connection.options
    def pause(name: str) -> int:
        return show(lambda found: (found.pause(name),))

    @group.command(help=f"start the jobs of one of the {name} again")
    @click.argument("name", metavar="NAME", type=WORD)
    @json_option("Print a JSON array.")
    @connection.options
    def resume(name: str) -> int:
        return show(lambda found: (found.resume(name),))

    for action in (list_items, pause, resume):
        group.add_command(action)
    return group
