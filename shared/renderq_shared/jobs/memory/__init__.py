"""Job store in memory: the reference model of the Redis store."""

from renderq_shared.jobs.memory.store import MemoryJobStore

__all__ = ["MemoryJobStore"]
