"""Options that select the service: `--url` and `--api-key`."""

import argparse

from renderq.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--url` and `--api-key`."""
    group = parser.add_argument_group("service")
    group.add_argument("--url", help="URL of the service (default: $RENDERQ_URL, else http://127.0.0.1:8400).")
    group.add_argument("--api-key", metavar="KEY", help="API key (default: $RENDERQ_API_KEY).")


def connect(args: argparse.Namespace) -> Client:
    """Return the client for the options."""
    return Client(args.url, args.api_key)
