"""Which service a command talks to."""

import argparse

from renderq.client import Client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--url` and `--api-key`."""
    group = parser.add_argument_group("service")
    group.add_argument("--url", help="Its address (default: RENDERQ_URL, else http://127.0.0.1:8400).")
    group.add_argument("--api-key", metavar="KEY", help="Key to it (default: RENDERQ_API_KEY).")


def connect(args: argparse.Namespace) -> Client:
    """The client that the options describe."""
    return Client(args.url, args.api_key)
