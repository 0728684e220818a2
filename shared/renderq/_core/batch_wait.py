"""Waiting for a batch, by polling: one poll serves up to 1,000 jobs."""

import time
from collections.abc import Callable

from renderq._config import Configuration
from renderq._core.batch_requests import get_batch
from renderq._core.flows import Flow, perform
from renderq._core.retries import Deadline
from renderq._core.wait import wait_retries
from renderq.contract import Batch

POLL_INTERVAL = 1.0
"""Seconds between polls."""


def wait_for_batch(
    batch_id: str, configuration: Configuration, deadline: Deadline, on_progress: Callable[[Batch], None] | None
) -> Flow[Batch]:
    """Poll the batch until all its jobs have ended or the deadline has passed, and return it.

    An outage is waited out until the deadline. Raises `ConnectionFailed` and `APIError`.
    """
    pause, last = 0.0, None
    while True:
        batch = yield from perform(get_batch(batch_id), configuration, pause, wait_retries(configuration, deadline))
        if on_progress is not None and batch != last:
            on_progress(batch)
        if batch.status == "ended" or deadline.has_passed:
            return batch
        last, pause = batch, max(0.0, min(POLL_INTERVAL, deadline.at - time.monotonic()))
