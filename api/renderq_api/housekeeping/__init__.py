"""Housekeeping of every API process: sweeps, retention, purges, visitors, object store health."""

from renderq_api.housekeeping.purge_loop import PurgeLoop
from renderq_api.housekeeping.retention_loop import RetentionLoop
from renderq_api.housekeeping.store_health import StoreHealth
from renderq_api.housekeeping.store_loop import StoreLoop
from renderq_api.housekeeping.sweeper import Sweeper, top_up_wakeups
from renderq_api.housekeeping.visitor_loop import VisitorLoop

__all__ = ["PurgeLoop", "RetentionLoop", "StoreHealth", "StoreLoop", "Sweeper", "VisitorLoop", "top_up_wakeups"]
