"""How to wait for a job: by its events; else by long polls; else, or where progress is wanted, by short ones."""

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
"""Seconds; for less no event stream is opened."""
POLL_INTERVAL = 0.3
"""Seconds between polls for progress, and the least between any two."""
POLL_DEFAULT = 1.0
"""Seconds between plain polls of a service that suggests nothing."""
POLL_MAX = 30.0
"""Seconds; the service's suggestion is an estimate, and the job may be done sooner."""


def wait_for(
    job: Job,
    configuration: Configuration,
    timeout: float | None,
    on_progress: Callable[[Job], None] | None,
    on_snapshot: Callable[[Job], None],
) -> Flow[Job]:
    """Follow the job until it is terminal; returns it if it succeeded.

    `seen` gets every snapshot, `on_progress` only those that differ from the one before. Raises `WaitTimeout`,
    `JobNotSucceeded`, `ConnectionFailed` and `APIError`.
    """
    deadline = inf if timeout is None else time.monotonic() + timeout
    pause, etag = 0.0, None
    if not job.status.is_terminal and deadline - time.monotonic() > MIN_STREAM_S:
        job = yield from _by_events(job, configuration, deadline, on_progress, on_snapshot)
    while not job.status.is_terminal:
        began = time.monotonic() + pause
        server_wait = 0 if on_progress else max(0, int(min(LIMITS.wait_seconds, deadline - began)))
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
        pause = min(_pause(snapshot, max(0.0, now - began), on_progress is not None), deadline - now)
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
    """The job as the last event showed it: not terminal if the service, or a proxy before it, lets no events through.

    Why it does not is of no interest: polls will tell what is really wrong.
    """
    last: JobEvent | None = None

    def take(event: JobEvent) -> None:
        nonlocal last
        is_news = last is None or event.name != "done" or event.job.version != last.job.version
        last = event
        on_snapshot(event.job)
        if on_progress is not None and is_news:
            on_progress(event.job)

    with suppress(ConnectionFailed, APIError):
        yield from stream_events(job.id, configuration, take, max_retries=0, deadline=deadline)
    return last.job if last else job


def _poll(
    job: Job, configuration: Configuration, server_wait: int, etag: str | None, pause: float, deadline: float
) -> Flow[Snapshot | None]:
    try:
        return (
            yield from perform(poll_job(job.id, server_wait=server_wait, etag=etag), configuration, pause, deadline)
        )
    except (ConnectionFailed, RateLimited, ServiceUnavailable) as error:
        error.add_note(f"{job.id} goes on")
        raise


def _pause(snapshot: Snapshot | None, elapsed: float, wants_progress: bool) -> float:
    """Seconds until the next poll."""
    if wants_progress or snapshot is None:
        return POLL_INTERVAL
    if snapshot.server_waited:
        return max(0.0, POLL_INTERVAL - elapsed)
    if snapshot.retry_after is None:
        return POLL_DEFAULT
    return min(max(snapshot.retry_after, POLL_INTERVAL), POLL_MAX)
