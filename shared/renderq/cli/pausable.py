"""Shared implementation of `renderq models` and `renderq tenants`: list all, pause or resume one."""

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from renderq.cli import connection
from renderq.cli.exit_codes import ExitCode, UsageError
from renderq.cli.formatting import as_json, table
from renderq.client import Client
from renderq.contract.base import ResponseModel

Item = TypeVar("Item", bound=ResponseModel)
Item_co = TypeVar("Item_co", bound=ResponseModel, covariant=True)


class Pausable(Protocol[Item_co]):
    """`client.models` or `client.tenants`."""

    def list(self) -> tuple[Item_co, ...]: ...

    def pause(self, name: str) -> Item_co: ...

    def resume(self, name: str) -> Item_co: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("list", "pause", "resume")
    action_help = "`list` (default), or stop starting the jobs of NAME, or start them again."
    parser.add_argument("action", nargs="?", choices=actions, default="list", help=action_help)
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="Print a JSON array.")
    connection.add_arguments(parser)


def run(
    args: argparse.Namespace,
    pausable: Callable[[Client], Pausable[Item]],
    header: Sequence[str],
    row: Callable[[Item], Sequence[object]],
) -> int:
    """Run the action and print the items that it concerns. Raises `UsageError`."""
    if (args.action == "list") != (args.name is None):
        raise UsageError("`pause` and `resume` need a NAME; `list` takes none")
    with connection.connect(args) as client:
        items = _items(pausable(client), args.action, args.name)
    if args.json:
        print(as_json(items))
    else:
        print(table(header, [row(item) for item in items]))
    return ExitCode.OK


def _items(pausable: Pausable[Item], action: str, name: str) -> tuple[Item, ...]:
    match action:
        case "pause":
            return (pausable.pause(name),)
        case "resume":
            return (pausable.resume(name),)
        case _:
            return pausable.list()
