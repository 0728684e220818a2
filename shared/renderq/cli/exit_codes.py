"""Exit codes, and what is said on the way out."""

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
    """What scripts can rely on."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    """The command line or the request is wrong, or a file cannot be written."""
    UNAVAILABLE = 3
    """The service cannot be reached, or it cannot answer."""
    NOT_DONE = 4
    """Canceled, expired, or not done within `--timeout`."""
    INTERRUPTED = 130
    """Ctrl-C."""
    BROKEN_PIPE = 141
    """Nobody reads the output any more."""


class UsageError(RenderqError):
    """The command line contradicts itself."""


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
    ConnectionFailed: "is the service running? `renderq up` starts one here, --url or RENDERQ_URL names another",
    Unauthorized: "RENDERQ_API_KEY or --api-key gives it; `renderq keys create` makes one",
    Forbidden: "RENDERQ_API_KEY or --api-key gives another key",
    WaitTimeout: "see `renderq status` and `renderq cancel`",
}


def exit_code(error: RenderqError) -> ExitCode:
    """Whatever is not the user's doing and not the job's is the service's."""
    return _CODES.get(type(error), ExitCode.UNAVAILABLE)


def format_error(error: RenderqError) -> str:
    """The error in one line, with what to do, fit for a terminal."""
    parts = [str(error), *getattr(error, "__notes__", ()), *filter(None, [_HINTS.get(type(error))])]
    return printable("; ".join(" ".join(part.split()) for part in parts))
