"""What a subcommand of `renderq` is, for the client's own commands and for those that the services add."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand. A service offers its own as an entry point of the group `renderq.commands`."""

    help: str
    """One sentence, shown above the options in `renderq NAME --help`."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    """Adds the command's options to its parser; imports nothing heavy."""
    run: Callable[[argparse.Namespace], int]
    """Runs with the parsed options and returns the exit code."""
