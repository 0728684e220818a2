"""Jobs that a bulk operation has left as they were."""

from collections.abc import Iterable

from renderq.cli.exit_codes import ExitCode
from renderq.cli.formatting import print_error
from renderq.contract import JobRefusal


def report_refusals(refusals: Iterable[JobRefusal]) -> ExitCode:
    """Print a line for each job on stderr, and return the exit code."""
    code = ExitCode.OK
    for refusal in refusals:
        print_error(f"{refusal.id}: {refusal.detail} ({refusal.code})")
        code = ExitCode.USAGE
    return code
