"""Live updates: watchers, long polls, event streams of jobs and of tenants."""

from renderq_api.live.event_stream import StreamEvent, stream_events
from renderq_api.live.job_watchers import JobWatchers
from renderq_api.live.long_poll import HEARTBEAT_S, wait_for_terminal
from renderq_api.live.shared_results import SharedResults
from renderq_api.live.tenant_stream import stream_tenant
from renderq_api.live.tenant_watcher import Places, Ready, TenantUpdate
from renderq_api.live.tenant_watchers import TenantWatchers

__all__ = [
    "HEARTBEAT_S",
    "JobWatchers",
    "Places",
    "Ready",
    "SharedResults",
    "StreamEvent",
    "TenantUpdate",
    "TenantWatchers",
    "stream_events",
    "stream_tenant",
    "wait_for_terminal",
]
