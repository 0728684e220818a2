"""Live job updates: watchers, long polls, event streams."""

from renderq_api.live.event_stream import StreamEvent, stream_events
from renderq_api.live.job_watchers import JobWatchers
from renderq_api.live.long_poll import HEARTBEAT_S, wait_for_terminal

__all__ = ["HEARTBEAT_S", "JobWatchers", "StreamEvent", "stream_events", "wait_for_terminal"]
