"""Time that passes while workers renew nothing."""

from renderq_shared.jobs import commands
from tests.job_store.factories import LEASE_MS
from tests.job_store.store_backends import StoreBackend


def let_leases_end(backend: StoreBackend) -> None:
    """Let the time of a lease pass with regular sweeps; the next sweep finds the lost leases."""
    for _ in range(3):
        backend.store.call(commands.sweep(LEASE_MS, 100))
        backend.advance(LEASE_MS // 3 + 1)
