"""Errors of the client as exit codes and as messages of one line."""

from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import printable
from renderq.errors import (
    ConfigurationError,
    ConnectionFailed,
    Forbidden,
    InvalidArgument,
    InvalidRequest,
    JobCanceled,
    JobExpired,
    JobFailed,
    NotFound,
    RenderqError,
    Unauthorized,
    UnexpectedResponse,
    WaitTimeout,
)

_CODES: dict[type[RenderqError], ExitCode] = {
    ConfigurationError: ExitCode.USAGE,
    InvalidArgument: ExitCode.USAGE,
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
    UnexpectedResponse: "is this the URL of the service? Set --url or RENDERQ_URL",
    WaitTimeout: "see `renderq status` and `renderq cancel`",
}


def exit_code(error: RenderqError) -> ExitCode:
    """Return the exit code of an error. Errors caused neither by the user nor by the job count as unavailability."""
    return _CODES.get(type(error), ExitCode.UNAVAILABLE)


def format_error(error: RenderqError) -> str:
    """Format an error in one line, with a hint, safe for a terminal."""
    parts = [str(error), *getattr(error, "__notes__", ()), *filter(None, [_HINTS.get(type(error))])]
    return printable("; ".join(" ".join(part.split()) for part in parts))
