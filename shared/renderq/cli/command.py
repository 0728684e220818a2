"""Definition of a subcommand, for the client's own commands and for those of plugins."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand. Other packages register theirs as entry points of the group `renderq.commands`."""

    help: str
    """One line, in the imperative, for `renderq --help` and `renderq NAME --help`."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    """Adds the options to the parser. Must not import heavy modules."""
    run: Callable[[argparse.Namespace], int]
    """Runs the command with the parsed options and returns the exit code."""
