"""The option `--json`."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_KEY = "renderq.json"


def json_option(text: str) -> Callable[[Decorated], Decorated]:
    """Add `--json` to a command that calls `wants_json`. A group's `--json` holds for its subcommands."""

    def remember(context: click.Context, _option: click.Parameter, is_given: bool) -> None:
        if is_given:
            context.meta[_KEY] = True

    return click.option("--json", is_flag=True, help=text, expose_value=False, callback=remember)


def wants_json() -> bool:
    """Return whether the current command prints JSON."""
    return bool(click.get_current_context().meta.get(_KEY))
