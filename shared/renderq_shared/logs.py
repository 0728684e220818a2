"""Logging of every process: structlog's and the libraries' own records, through one handler, to standard error.

Console for people, one JSON object per line for machines. A log line is always one record: whatever a client or a
library puts into a value, it cannot begin a line of its own or send codes to a terminal.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from renderq_shared.settings.models import SharedSettings

_QUIET = ("PIL", "asyncio", "botocore", "celery", "httpx2", "kombu", "urllib3", "uvicorn")
"""Libraries whose routine news nobody needs; their warnings count."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators, and the marks that reverse the direction of text."""


def configure_logging(settings: SharedSettings, process: str) -> None:
    """Set up logging for this process; `process` (`api`, `worker` …) is on every record."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _names(process),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([structlog.processors.JSONRenderer()] if as_json else _console()),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def escape(text: str) -> str:
    """Control characters and the like, written as escapes."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _names(process: str) -> Processor:
    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add_process


def _console() -> list[Processor]:
    return [_escape_values, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """JSON escapes by itself; a console does not. Lines of a traceback are indented, so that none can pose as new."""
    for key, value in event.items():
        if key == "exception":
            event[key] = "\n".join(f"    {escape(line)}" for line in str(value).split("\n"))
        elif not isinstance(value, (bool, int, float, type(None))):
            event[key] = escape(value if isinstance(value, str) else repr(value))
    return event
