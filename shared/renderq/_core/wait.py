"""Waiting for a job: by events; else by long polling; else, or if progress is requested, by short polling."""

import time
from collections.abc import Callable
from contextlib import suppress
from math import inf

from renderq._config import Configuration
from renderq._core.events import JobEvent, stream_events
from renderq._core.flows import Flow, perform
from renderq._core.requests import poll_job
from renderq._core.responses import Snapshot
from renderq.contract import LIMITS, Job
from renderq.errors import APIError, ConnectionFailed, RateLimited, ServiceUnavailable, WaitTimeout, job_error

MIN_STREAM_S = 1.0
"""Seconds; no event stream is opened for a shorter wait."""
POLL_INTERVAL = 0.3
"""Seconds between polls for progress, and the minimum between any two polls."""
POLL_DEFAULT = 1.0
"""Seconds between polls if the service sends no `Retry-After`."""
POLL_MAX = 30.0
"""Seconds; upper bound of `Retry-After`, which is only an estimate."""


def wait_for(
    job: Job,
    configuration: Configuration,
    timeout: float | None,
    on_progress: Callable[[Job], None] | None,
    on_snapshot: Callable[[Job], None],
) -> Flow[Job]:
    """Follow the job until it is terminal, and return it if it succeeded.

    `on_snapshot` is called with every snapshot, `on_progress` only with those that differ from the previous one. Raises
    `WaitTimeout`, `JobNotSucceeded`, `ConnectionFailed` and `APIError`.
    """
    deadline = inf if timeout is None else time.monotonic() + timeout
    pause, etag = 0.0, None
    if not job.status.is_terminal and deadline - time.monotonic() > MIN_STREAM_S:
        job = yield from _by_events(job, configuration, deadline, on_progress, on_snapshot)
    while not job.status.is_terminal:
        start = time.monotonic() + pause
        server_wait = 0 if on_progress else max(0, int(min(LIMITS.wait_seconds, deadline - start)))
        snapshot = yield from _poll(job, configuration, server_wait, etag, pause, deadline)
        if snapshot is not None:
            job = snapshot.job
            on_snapshot(job)
        if snapshot is not None and on_progress is not None:
            etag = snapshot.etag
            on_progress(job)
        now = time.monotonic()
        if timeout is not None and now >= deadline and not job.status.is_terminal:
            raise WaitTimeout(job, timeout)
        pause = min(_pause(snapshot, max(0.0, now - start), on_progress is not None), deadline - now)
    if error := job_error(job):
        raise error
    return job


def _by_events(
    job: Job,
    configuration: Configuration,
    deadline: float,
    on_progress: Callable[[Job], None] | None,
    on_snapshot: Callable[[Job], None],
) -> Flow[Job]:
    """Follow the events and return the job of the last one, not terminal if no event stream is available.

    Errors are ignored: the polls that follow raise those that matter.
    """
    last: JobEvent | None = None

    def on_event(event: JobEvent) -> None:
        nonlocal last
        is_change = last is None or event.name != "done" or event.job.version != last.job.version
        last = event
        on_snapshot(event.job)
        if on_progress is not None and is_change:
            on_progress(event.job)

    with suppress(ConnectionFailed, APIError):
        yield from stream_events(job.id, configuration, on_event, max_retries=0, deadline=deadline)
    return last.job if last else job


def _poll(
    job: Job, configuration: Configuration, server_wait: int, etag: str | None, pause: float, deadline: float
) -> Flow[Snapshot | None]:
    try:
        return (
            yield from perform(poll_job(job.id, server_wait=server_wait, etag=etag), configuration, pause, deadline)
        )
    except (ConnectionFailed, RateLimited, ServiceUnavailable) as error:
        error.add_note(f"{job.id} continues")
        raise


def _pause(snapshot: Snapshot | None, elapsed: float, wants_progress: bool) -> float:
    """Return the seconds until the next poll."""
    if wants_progress or snapshot is None:
        return POLL_INTERVAL
    if snapshot.server_waited:
        return max(0.0, POLL_INTERVAL - elapsed)
    if snapshot.retry_after is None:
        return POLL_DEFAULT
    return min(max(snapshot.retry_after, POLL_INTERVAL), POLL_MAX)
