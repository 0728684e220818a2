"""Previews of running jobs: who wants which, and what they look like on their way to the API."""

import asyncio
import json
from dataclasses import dataclass

PREVIEWS = "rq:previews:"
"""Channel of a job's previews, before its id. The messages are `renderq.contract.Preview` as JSON."""


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """What an image of a job looks like so far."""

    job_id: str
    index: int
    preview_json: str


def decode_preview(channel: str, preview_json: str) -> PreviewMessage:
    """What one message on a job's channel says."""
    return PreviewMessage(channel.removeprefix(PREVIEWS), json.loads(preview_json)["index"], preview_json)


class PreviewChannels:
    """Jobs whose previews are wanted, for the subscription that follows them. For one event loop."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._changed: set[str] = set()
        self._news = asyncio.Event()

    def subscribe(self, job_id: str) -> None:
        """From now on this job's previews are wanted."""
        self._open.add(PREVIEWS + job_id)
        self._note(PREVIEWS + job_id)

    def unsubscribe(self, job_id: str) -> None:
        """They are not any more."""
        self._open.discard(PREVIEWS + job_id)
        self._note(PREVIEWS + job_id)

    def restart(self) -> tuple[str, ...]:
        """Channels for a new subscription, which `take` then keeps up to date."""
        self.pending_changes()
        return tuple(self._open)

    async def wait_for_change(self) -> None:
        """Return once there is something to take."""
        await self._news.wait()

    def pending_changes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Channels to subscribe to and to leave, since the last call; it does no harm if one is so already."""
        changed, self._changed = self._changed, set()
        self._news.clear()
        return tuple(changed & self._open), tuple(changed - self._open)

    def _note(self, channel: str) -> None:
        self._changed.add(channel)
        self._news.set()
