"""Previews of running jobs: messages on their channels, and the channels to subscribe to."""

import asyncio
import json
from dataclasses import dataclass

PREVIEWS = "rq:previews:"
"""Prefix of a job's preview channel, before the id. Messages are `renderq.contract.Preview` as JSON."""


@dataclass(frozen=True, slots=True)
class PreviewMessage:
    """Preview of one image of a job."""

    job_id: str
    index: int
    preview_json: str


def decode_preview(channel: str, preview_json: str) -> PreviewMessage:
    """Decode one message of a job's channel."""
    return PreviewMessage(channel.removeprefix(PREVIEWS), json.loads(preview_json)["index"], preview_json)


class PreviewChannels:
    """Preview channels with subscribers, for the one Redis subscription of the process. For one event loop."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._changed: set[str] = set()
        self._has_changes = asyncio.Event()

    def subscribe(self, job_id: str) -> None:
        """Subscribe to a job's previews."""
        self._open.add(PREVIEWS + job_id)
        self._mark_changed(PREVIEWS + job_id)

    def unsubscribe(self, job_id: str) -> None:
        """Unsubscribe from a job's previews."""
        self._open.discard(PREVIEWS + job_id)
        self._mark_changed(PREVIEWS + job_id)

    def restart(self) -> tuple[str, ...]:
        """Return all channels, for a new subscription that `pending_changes` then keeps up to date."""
        self.pending_changes()
        return tuple(self._open)

    async def wait_for_change(self) -> None:
        """Return once there are pending changes."""
        await self._has_changes.wait()

    def pending_changes(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return channels to subscribe to and to unsubscribe from since the last call. Repeats are harmless."""
        changed, self._changed = self._changed, set()
        self._has_changes.clear()
        return tuple(changed & self._open), tuple(changed - self._open)

    def _mark_changed(self, channel: str) -> None:
        self._changed.add(channel)
        self._has_changes.set()
