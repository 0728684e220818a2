"""Exit codes and error messages."""

from enum import IntEnum

from renderq.cli.formatting import printable
from renderq.errors import (
    ConfigurationError,
    ConnectionFailed,
    Forbidden,
    InvalidRequest,
    JobCanceled,
    JobExpired,
    JobFailed,
    NotFound,
    RenderqError,
    Unauthorized,
    WaitTimeout,
)


class ExitCode(IntEnum):
    """Exit codes of every command; scripts may rely on them."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    """The command line or the request is invalid, or a file cannot be written."""
    UNAVAILABLE = 3
    """The service cannot be reached or cannot respond."""
    NOT_DONE = 4
    """The job was canceled, expired, or did not end within `--timeout`."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """The reader of the output has closed the pipe."""


class UsageError(RenderqError):
    """The command line is invalid."""


_CODES: dict[type[RenderqError], ExitCode] = {
    UsageError: ExitCode.USAGE,
    ConfigurationError: ExitCode.USAGE,
    InvalidRequest: ExitCode.USAGE,
    Unauthorized: ExitCode.USAGE,
    Forbidden: ExitCode.USAGE,
    NotFound: ExitCode.USAGE,
    JobFailed: ExitCode.JOB_FAILED,
    JobCanceled: ExitCode.NOT_DONE,
    JobExpired: ExitCode.NOT_DONE,
    WaitTimeout: ExitCode.NOT_DONE,
}

_HINTS: dict[type[RenderqError], str] = {
    ConnectionFailed: "is the service running? Start one with `renderq up`, or set --url or RENDERQ_URL",
    Unauthorized: "set RENDERQ_API_KEY or --api-key; create a key with `renderq keys create`",
    Forbidden: "use another key: set RENDERQ_API_KEY or --api-key",
    WaitTimeout: "see `renderq status` and `renderq cancel`",
}


def exit_code(error: RenderqError) -> ExitCode:
    """Return the exit code of an error. Errors caused neither by the user nor by the job count as unavailability."""
    return _CODES.get(type(error), ExitCode.UNAVAILABLE)


def format_error(error: RenderqError) -> str:
    """Format an error in one line, with a hint, safe for a terminal."""
    parts = [str(error), *getattr(error, "__notes__", ()), *filter(None, [_HINTS.get(type(error))])]
    return printable("; ".join(" ".join(part.split()) for part in parts))
