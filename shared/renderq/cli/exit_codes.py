"""Exit codes of the command line."""

from enum import IntEnum

import click


class ExitCode(IntEnum):
    """Exit codes of every command; scripts may rely on them."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    """The command line or the request is invalid, or a file cannot be read or written."""
    UNAVAILABLE = 3
    """The service cannot be reached or cannot respond."""
    NOT_DONE = 4
    """The job was canceled, expired, or did not end within `--timeout`; or a question was answered with no."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """The reader of the output has closed the pipe."""


class UsageError(click.ClickException):
    """The command line is invalid, or a file cannot be read or written."""

    exit_code = ExitCode.USAGE
