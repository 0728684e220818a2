"""`renderq history check`."""

from dataclasses import asdict, dataclass
from pathlib import Path

from renderq.cli.exit_codes import ExitCode
from renderq.cli.json_option import json_option
from renderq.cli.lazy_group import command as define_command
from renderq_shared.errors import StoreUnavailable
from renderq_shared.history.maintenance import HistoryReport, inspect_history
from renderq_shared.history_commands.options import (
    data_option,
    history_url_option,
    print_problems,
    print_result,
    read_settings,
    redis_url_option,
    run,
)
from renderq_shared.jobs import ArchiveState
from renderq_shared.local.archive_state import read_archive_state

_FINDINGS = 1
"""Exit code if there is anything to do."""

_LATE_MS = 60_000
"""Age of an ended job that should have arrived in the history."""


@define_command("check schema, rows, search index and usage of the history, and what waits for it; changes nothing")
@history_url_option
@redis_url_option
@data_option
@json_option("print a JSON object")
def command(history_url: str | None, redis_url: str | None, data: Path | None) -> int:
    async def check() -> int:
        url = read_settings(history_url, data).history_database
        report, state, unread = await inspect_history(url), None, "does not respond"
        try:
            state = read_archive_state(redis_url, data)
        except StoreUnavailable as error:
            unread = f"refuses commands: {error.refusal}"
        service = state and _Service(state, report.history_id)
        findings = list(report.findings)
        if service and (service.uses_history or history_url is None):  # else it may be a backup
            findings += service.findings()
        print_result(
            {**asdict(report), "service": service and service.facts(), "findings": findings},
            _text(report, service or f"{unread}, not checked"),
        )
        print_problems("check", *findings)
        return _FINDINGS if findings else ExitCode.OK

    return run("check", check, unavailable=ExitCode.USAGE)


@dataclass(frozen=True, slots=True)
class _Service:
    """The service of a Redis, as it should be for a history."""

    state: ArchiveState
    history: str | None
    """Id of the history."""

    @property
    def uses_history(self) -> bool:
        """True if an API process uses the history."""
        return any(api.history == self.history for api in self.state.apis)

    def findings(self) -> list[str]:
        state, age_ms = self.state, self.state.oldest_age_ms or 0
        found = [
            f"the API process {api.process} uses another history; set the same RENDERQ_HISTORY_URL for all"
            for api in state.apis
            if api.history != self.history
        ]
        if age_ms > _LATE_MS:
            advice = (
                "see `history.unavailable` in the log of the API" if state.apis else "no API process runs; start one"
            )
            found.append(f"{state.unarchived} ended jobs wait for the history, one for {age_ms // 1000} s; {advice}")
        return found

    def facts(self) -> dict[str, object]:
        apis = [{"process": api.process, "uses_history": api.history == self.history} for api in self.state.apis]
        return {**asdict(self.state), "apis": apis}

    def __str__(self) -> str:
        sharing = sum(api.history == self.history for api in self.state.apis)
        count = len(self.state.apis)
        return f"{self.state.unarchived:,} ended jobs wait; {sharing} of {count} API processes use this history"


def _text(report: HistoryReport, service: _Service | str) -> str:
    jobs = ", ".join(f"{count:,} {status}" for status, count in report.jobs.items()) or "none"
    lines = {
        "database": f"{report.database}, {report.bytes / 1e6:,.1f} MB",
        "schema": f"{report.schema.revision or 'none'}, {report.schema.state}",
        "jobs": jobs,
        "redis": service,
    }
    return "\n".join(f"{name:8}  {text}" for name, text in lines.items())
