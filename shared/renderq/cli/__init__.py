"""The `renderq` command."""

from renderq.cli.program import main

__all__ = ["main"]
