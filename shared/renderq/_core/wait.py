"""Waiting for a job: by events; else by long polling; else, or if progress is requested, by short polling."""

import time
from collections.abc import Callable

from renderq._config import Configuration
from renderq._core.events import JobEvent, stream_events
from renderq._core.flows import Flow, perform
from renderq._core.requests import poll_job
from renderq._core.responses import Snapshot
from renderq._core.retries import Deadline, Failure, Retries, is_transient
from renderq.contract import LIMITS, Job
from renderq.errors import APIError, ConnectionFailed, InvalidArgument, WaitTimeout, job_error

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
    deadline: Deadline,
    on_progress: Callable[[Job], None] | None,
    on_snapshot: Callable[[Job], None],
) -> Flow[Job]:
    """Follow the job until it is terminal, and return it if it succeeded.

    `on_snapshot` is called with every snapshot, `on_progress` only with those that differ from the previous one. An
    outage is waited out until the deadline. Raises `WaitTimeout`, `JobNotSucceeded`, `ConnectionFailed` and `APIError`.
    """
    if on_progress is not None and not callable(on_progress):
        raise InvalidArgument(f"on_progress must be a function of a job, not {type(on_progress).__name__}")
    pause, etag, has_events = 0.0, None, True
    while not job.status.is_terminal:
        events = _Events(job, on_progress, on_snapshot)
        if has_events and deadline.at - time.monotonic() > MIN_STREAM_S:
            has_events = yield from _by_events(events, configuration, deadline)
            job, pause = events.job, 0.0
            if job.status.is_terminal:
                break
        start = time.monotonic() + pause
        is_short = on_progress is not None or (has_events and events.received)
        server_wait = 0 if is_short else max(0, int(min(LIMITS.wait_seconds, deadline.at - start)))
        retries = wait_retries(configuration, deadline)
        snapshot = yield from _poll(job, configuration, server_wait, etag, pause, retries)
        if snapshot is not None:
            job = snapshot.job
            on_snapshot(job)
        if snapshot is not None and on_progress is not None:
            etag = snapshot.etag
            on_progress(job)
        if deadline.has_passed and not job.status.is_terminal:
            raise WaitTimeout(job, deadline.timeout or 0.0)
        # A stream that brought nothing while polls work is held back or unknown on the way to the service.
        has_events = has_events and (events.received or retries.had_failures)
        now = time.monotonic()
        pause = min(_pause(snapshot, max(0.0, now - start), on_progress is not None), deadline.at - now)
    if error := job_error(job):
        raise error
    return job


def follow(
    job: Job,
    configuration: Configuration,
    deadline: Deadline,
    emit: Callable[[JobEvent], None],
    *,
    previews: bool = False,
) -> Flow[None]:
    """Call `emit` with every event up to `done`. An outage is waited out until the deadline.

    Raises `WaitTimeout`, `ConnectionFailed` and `APIError`.
    """
    last = job
    is_done = False

    def on_event(event: JobEvent) -> None:
        nonlocal last, is_done
        last, is_done = event.job, event.name == "done"
        emit(event)

    try:
        retries = wait_retries(configuration, deadline)
        yield from stream_events(job.id, configuration, on_event, retries, previews=previews)
    except (ConnectionFailed, APIError) as failure:
        if _lasted(failure, deadline):
            raise WaitTimeout(last, deadline.timeout or 0.0, failure) from failure
        raise
    if not is_done:
        raise WaitTimeout(last, deadline.timeout or 0.0)


def wait_retries(configuration: Configuration, deadline: Deadline) -> Retries:
    """Return the retries of a wait: any number until the deadline; none without one if the client makes none."""
    is_bounded = deadline.timeout is None and configuration.max_retries == 0
    return Retries(configuration.on_retry, 0 if is_bounded else None, deadline)


class _Events:
    """What the event stream has brought."""

    def __init__(self, job: Job, on_progress: Callable[[Job], None] | None, on_snapshot: Callable[[Job], None]) -> None:
        self.job = job
        self.received = False
        self._on_progress = on_progress
        self._on_snapshot = on_snapshot

    def emit(self, event: JobEvent) -> None:
        is_change = not self.received or event.name != "done" or event.job.version != self.job.version
        self.job, self.received = event.job, True
        self._on_snapshot(event.job)
        if self._on_progress is not None and is_change:
            self._on_progress(event.job)


def _by_events(events: _Events, configuration: Configuration, deadline: Deadline) -> Flow[bool]:
    """Follow the events, and return whether a further stream may bring more.

    Errors are ignored: the poll that follows raises those that matter.
    """
    retries = Retries(configuration.on_retry, 0, deadline)
    try:
        yield from stream_events(events.job.id, configuration, events.emit, retries)
    except (ConnectionFailed, APIError) as failure:
        return is_transient(failure)
    return True


def _poll(
    job: Job, configuration: Configuration, server_wait: int, etag: str | None, pause: float, retries: Retries
) -> Flow[Snapshot | None]:
    try:
        return (yield from perform(poll_job(job.id, server_wait=server_wait, etag=etag), configuration, pause, retries))
    except (ConnectionFailed, APIError) as failure:
        if _lasted(failure, retries.deadline):
            raise WaitTimeout(job, retries.deadline.timeout or 0.0, failure) from failure
        if is_transient(failure):
            failure.add_note(f"{job.id} continues")
        raise


def _lasted(failure: Failure, deadline: Deadline) -> bool:
    """Return whether a failure is an outage that lasted until the deadline."""
    return deadline.timeout is not None and is_transient(failure) and deadline.has_passed


def _pause(snapshot: Snapshot | None, elapsed: float, wants_progress: bool) -> float:
    """Return the seconds until the next poll."""
    if wants_progress or snapshot is None:
        return POLL_INTERVAL
    if snapshot.server_waited:
        return max(0.0, POLL_INTERVAL - elapsed)
    if snapshot.retry_after is None:
        return POLL_DEFAULT
    return min(max(snapshot.retry_after, POLL_INTERVAL), POLL_MAX)
