"""Logging of every process: records of structlog and of libraries, through one handler, to standard error.

The format is a console for people, or one JSON object per line. A line is always one record: a value from a client or a
library can neither start a new line nor send control codes to a terminal. No thread waits for a slow reader.
"""

import logging
import re
import sys
import warnings
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from renderq_shared.line_writer import LineWriter
from renderq_shared.settings import SharedSettings

log = structlog.get_logger(__name__)

_NOISY_LIBRARIES = ("alembic", "PIL", "asyncio", "botocore", "celery", "httpx2", "kombu", "urllib3", "uvicorn")
"""Libraries of which only warnings and errors are logged."""

_FLUSH_TIMEOUT_S = 1.0
"""Time for the last records, if their reader stalls."""

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
    handler = _LineHandler(sys.stderr)
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
    logging.getLogger("asyncio").addFilter(_without_abandoned_connection)
    # A file of a client could cause tens of thousands, which are no records and go to standard error at once.
    warnings.filterwarnings("ignore", module=r"PIL\.")
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


def flush_logs() -> None:
    """Wait until all records are written, for at most a second. For exits that skip the end of the interpreter."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _without_abandoned_connection(record: logging.LogRecord) -> bool:
    """Drop the traceback of a connection that failed after its timeout, when nobody waits for it any more."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, OSError):
        record.exc_info = record.exc_text = None
    return True


class _LineHandler(logging.Handler):
    """Hands records to a thread that writes them. Those that nobody reads are dropped and counted."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream
        self._writer = LineWriter()

    def emit(self, record: logging.LogRecord) -> None:
        if dropped := self._writer.take_dropped():
            log.warning("log.records_dropped", records=dropped, reason="nobody read them")
        try:
            self._writer.write(self._stream, self.format(record))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._writer.flush(_FLUSH_TIMEOUT_S)

    def close(self) -> None:
        self._writer.close()
        super().close()


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
