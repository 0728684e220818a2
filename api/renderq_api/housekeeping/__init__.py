"""Housekeeping of every API process: sweeps, retention, object store health."""

from renderq_api.housekeeping.retention_loop import RetentionLoop
from renderq_api.housekeeping.store_health import StoreHealth
from renderq_api.housekeeping.sweeper import Sweeper, top_up_wakeups

__all__ = ["RetentionLoop", "StoreHealth", "Sweeper", "top_up_wakeups"]
