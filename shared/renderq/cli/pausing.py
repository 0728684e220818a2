"""`renderq models pause NAME` and the like: what is to be held back, if anything."""

import argparse
from dataclasses import dataclass

from renderq.cli.exits import UsageError


@dataclass(frozen=True, slots=True)
class Wanted:
    name: str
    pause: bool
    """Else it is to go on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("list", "pause", "resume")
    about = "What it does without one is `list`; the others hold back the jobs of NAME, or let them go on."
    parser.add_argument("action", nargs="?", choices=actions, default="list", help=about)
    parser.add_argument("name", nargs="?", metavar="NAME")


def wanted(args: argparse.Namespace) -> Wanted | None:
    """Raises `UsageError` for an action without a name, or a name without an action."""
    if (args.action == "list") != (args.name is None):
        raise UsageError("`pause` and `resume` take one name, `list` takes none")
    if args.action == "list":
        return None
    return Wanted(args.name, args.action == "pause")
