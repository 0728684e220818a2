"""Log calls follow one convention, so that records can be filtered by event and joined by id."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("api", "worker", "shared/renderq_shared")
METHODS = {"debug": 0, "info": 0, "warning": 0, "error": 0, "exception": 0, "critical": 0, "log": 1}
"""Method of a logger → index of its argument `event`, which is the last positional one."""

EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\.[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""`subject.past_or_state`, such as `claim.unanswered`."""

KEYWORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

STANDARD_KEYWORDS = {
    "again_in_s": "retry_in_s",
    "asset": "asset_id",
    "claim": "claim_id",
    "delivery": "delivery_id",
    "error": "reason",
    "generation": "generation_id",
    "job": "job_id",
    "model_name": "model",
    "tenant_id": "tenant",
    "worker_id": "worker",
    "worker_name": "worker",
}
"""Second name of a value → its standard keyword."""


@cache
def modules() -> dict[str, ast.Module]:
    paths = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a method of `log`, with its file and line."""
    for file, module in modules().items():
        for node in ast.walk(module):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in METHODS
                and ast.unparse(node.func.value) == "log"
            ):
                yield f"{file}:{node.lineno}", node


def test_modules_name_their_logger_log() -> None:
    targets = {
        f"{file}: {ast.unparse(target)}"
        for file, module in modules().items()
        for node in ast.walk(module)
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("structlog.get_logger(")
        for target in node.targets
    }
    assert len(targets) > 20
    assert [target for target in targets if not target.endswith(": log")] == []


def event_of(call: ast.Call) -> object:
    """Return the constant event of a log call; None for anything else."""
    assert isinstance(call.func, ast.Attribute)
    match call.args[METHODS[call.func.attr] :]:
        case [ast.Constant(value=event)]:
            return event
        case _:
            return None


def test_events_are_dotted_constants() -> None:
    events = {place: event_of(call) for place, call in log_calls()}
    assert len(events) > 30
    assert {place: event for place, event in events.items() if not EVENT.fullmatch(str(event))} == {}


def test_events_that_pages_name_exist() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").rglob("*.md")))
    named = set(re.findall(rf"\blogs?\b[\w\s,:]{{0,20}}`({EVENT.pattern})`", pages))
    assert len(named) > 5
    assert {event for event, *_ in named} - {event_of(call) for _, call in log_calls()} == set()


def test_keywords_are_standard() -> None:
    keywords = [(place, keyword.arg) for place, call in log_calls() for keyword in call.keywords if keyword.arg]
    assert [(place, name) for place, name in keywords if not KEYWORD.fullmatch(name)] == []
    assert [(place, name, STANDARD_KEYWORDS[name]) for place, name in keywords if name in STANDARD_KEYWORDS] == []
