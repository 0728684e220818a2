"""Messages of the client library on stderr: `no answer since 12 s, still trying`, `waiting 10 s: quota`."""

import logging

from renderq.cli.formatting import print_error


class _StderrHandler(logging.Handler):
    """Prints a record in one line; a progress bar on the terminal moves down."""

    def emit(self, record: logging.LogRecord) -> None:
        print_error(record.getMessage(), color="yellow")


_handler = _StderrHandler(logging.WARNING)


def show_client_log() -> None:
    """Print the warnings of the client, such as attempts that it repeats."""
    logging.getLogger("renderq").addHandler(_handler)  # no effect if it was added before
