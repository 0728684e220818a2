"""What Celery and kombu log while Redis fails: each cause in one line, instead of a traceback every two seconds."""

import logging

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from renderq_shared.outage import Outage

_LOGGERS = (
    "celery.bootsteps",
    "celery.worker.consumer.consumer",
    "celery.worker.worker",
    "kombu.asynchronous.hub",
    "kombu.asynchronous.timer",
    "kombu.transport.redis",
    "kombu.transport.virtual.base",
)
"""Loggers of modules that catch errors of Redis and log them with tracebacks."""


class OutageFilter(logging.Filter):
    """Passes an error of Redis if it is a new cause in the outage, and then without traceback."""

    def __init__(self, outage: Outage) -> None:
        """`outage`: shared with the other log records about it."""
        super().__init__()
        self._outage = outage

    def install(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self)

    def remove(self) -> None:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, RedisError | OperationalError | OSError):
            return True
        record.msg, record.args = f"{record.getMessage()}: {error}", ()
        record.exc_info = record.exc_text = None
        return self._outage.has_new_cause(error)
