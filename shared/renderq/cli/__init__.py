"""The `renderq` command."""

import sys
from collections.abc import Sequence

_REQUIREMENTS = {"click", "rich", "rich_click"}
"""Packages of the extra `cli`. The client alone does not need them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Errors are one line on stderr.

    Without `argv` the command line is that of this process, whose standard streams and signals are then set up, too.
    """
    try:
        from renderq.cli import program

        return program.run_process() if argv is None else program.run(argv)
    except ModuleNotFoundError as error:
        if error.name not in _REQUIREMENTS:
            raise
        print("renderq: the command line is not installed; pip install 'renderq[cli]' adds it", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # while the modules are loaded
        print("renderq: interrupted", file=sys.stderr)
        return 130


__all__ = ["main"]
