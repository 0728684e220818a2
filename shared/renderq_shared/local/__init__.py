"""`renderq up`: Redis, API and workers as supervised child processes of one command."""

from renderq_shared.local.command import command

__all__ = ["command"]
