"""Logging of every process: records of structlog and of libraries, through one handler, to standard error.

The format is a console for people, or one JSON object per line. A line is always one record: a value from a client or a
library can neither start a new line nor send control codes to a terminal.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from renderq_shared.settings import SharedSettings

_NOISY_LIBRARIES = ("PIL", "asyncio", "botocore", "celery", "httpx2", "kombu", "urllib3", "uvicorn")
"""Libraries of which only warnings and errors are logged."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators, and marks that change the direction of text."""


def configure_logging(settings: SharedSettings, process: str) -> None:
    """Set up logging for this process. Every record contains `process`: `api`, `worker` …"""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_process(process),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([structlog.processors.JSONRenderer()] if as_json else _console_processors()),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    for name in _NOISY_LIBRARIES:
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
    """Replace control characters and the like by escape sequences."""
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _add_process(process: str) -> Processor:
    def add_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    return add_process


def _console_processors() -> list[Processor]:
    return [_escape_values, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]


def _escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape values, as the JSON renderer does. Indents tracebacks, so that no line of them looks like a record."""
    for key, value in event.items():
        if key == "exception":
            event[key] = "\n".join(f"    {escape(line)}" for line in str(value).split("\n"))
        elif not isinstance(value, (bool, int, float, type(None))):
            event[key] = escape(value if isinstance(value, str) else repr(value))
    return event
