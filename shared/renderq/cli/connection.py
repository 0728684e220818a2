"""Options that select the service, `--url` and `--api-key`, and clients for them.

They are accepted before and after the name of a command; the last one counts.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import rich_click

from renderq.cli.client_log import show_client_log
from renderq.cli.parameter_types import SECRET, WORD, ParsedType

if TYPE_CHECKING:
    from renderq.client import AsyncClient, Client

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_URL, _API_KEY = "renderq.url", "renderq.api_key"


def options(function: Decorated) -> Decorated:
    """Add `--url` and `--api-key` to a command that calls `connect`."""
    url_help = "URL of the service (default: $RENDERQ_URL, else http://127.0.0.1:8400)."
    url = _option("--url", _URL, WORD, "URL", url_help)
    api_key = _option("--api-key", _API_KEY, SECRET, "KEY", "API key (default: $RENDERQ_API_KEY).")
    return url(api_key(function))


def connect() -> "Client":
    """Return a client for the options of the current command."""
    from renderq.client import Client

    show_client_log()
    meta = click.get_current_context().meta
    return Client(meta.get(_URL), meta.get(_API_KEY))


def connect_async() -> "AsyncClient":
    """Return an asynchronous client for the options of the current command."""
    from renderq.client import AsyncClient

    show_client_log()
    meta = click.get_current_context().meta
    return AsyncClient(meta.get(_URL), meta.get(_API_KEY))


def _option(flag: str, key: str, kind: ParsedType, metavar: str, text: str) -> Callable[[Decorated], Decorated]:
    def remember(context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.meta[key] = value

    return rich_click.option(
        flag, type=kind, metavar=metavar, help=text, panel="Connection", expose_value=False, callback=remember
    )
