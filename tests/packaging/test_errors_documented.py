"""docs/reference/errors.md lists every problem with its status, and every error code of a failed job."""

import re
from pathlib import Path

from renderq.contract import PROBLEMS, JobErrorCode

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")


def test_every_problem_is_documented_with_its_status() -> None:
    documented = re.findall(r"^\| `(\w+)` \| (\d{3}) \|", PAGE, re.MULTILINE)
    assert {(kind, int(status)) for kind, status in documented} == {
        (kind.value, definition.status) for kind, definition in PROBLEMS.items()
    }


def test_every_error_code_of_a_failed_job_is_documented() -> None:
    _, _, failed_jobs = PAGE.partition("## Failed jobs")
    assert set(re.findall(r"^\| `(\w+)` \|", failed_jobs, re.MULTILINE)) == {code.value for code in JobErrorCode}
