"""Log of job changes, recorded from outside: every change that Redis publishes."""

import threading
from collections import defaultdict
from contextlib import suppress

import redis

from renderq_shared.jobs import JobRecord
from renderq_shared.jobs.redis.notifications import CHANGES, decode_change


class ChangeLog:
    """Records changes while it is open. Changes during an outage of Redis go unseen."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._closing = threading.Event()
        self.changes: defaultdict[str, list[JobRecord]] = defaultdict(list)
        self.subscribed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.subscribed.wait(10)

    def count_ends(self, job_id: str) -> int:
        """Number of published ends of the job; retention does not end a job again."""
        return sum(change.status.is_terminal and not change.outputs_expired for change in self.changes[job_id])

    def started_ms(self, job_id: str, after_attempt: int) -> int | None:
        """Time at which the first attempt after this one began."""
        later = (change for change in self.changes[job_id] if change.attempt > after_attempt)
        return next((change.started_ms for change in later), None)

    def close(self) -> None:
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            with suppress(redis.RedisError), redis.Redis.from_url(self._url, decode_responses=True) as client:
                self._listen(client)
            self._closing.wait(0.05)

    def _listen(self, client: redis.Redis) -> None:
        with client.pubsub() as channel:
            channel.subscribe(CHANGES)
            while not self._closing.is_set():
                message = channel.get_message(timeout=0.1)
                if message and message["type"] == "subscribe":
                    self.subscribed.set()
                elif message and message["type"] == "message":
                    change = decode_change(message["data"])
                    self.changes[change.job_id].append(change.record)
