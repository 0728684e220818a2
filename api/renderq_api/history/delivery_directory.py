"""Delivery directory: webhook deliveries of live and ended jobs."""

from renderq_shared.history import History
from renderq_shared.jobs import AsyncJobStore, DeliveryRecord, JobRecord, commands, delivery_ids


class DeliveryDirectory:
    """All deliveries. Methods raise `StoreUnavailable`, and `HistoryUnavailable` if only it could answer."""

    def __init__(self, jobs: AsyncJobStore, history: History) -> None:
        self._jobs = jobs
        self._history = history

    async def of_job(self, job: JobRecord) -> tuple[DeliveryRecord, ...]:
        """Return the deliveries of a job: start, images by index, end.

        The job store is read first: a delivery that it no longer has was archived before.
        """
        live = await self._jobs.call(commands.deliveries(job.tenant, job.id, job.images))
        archived = () if await self._is_live(job) else await self._history.deliveries(job.tenant, job.id)
        found = {each.id: each for each in (*archived, *live)}
        return tuple(found[each] for each in delivery_ids(job.id, job.images) if each in found)

    async def replay(self, tenant: str, delivery_id: str) -> DeliveryRecord | None:
        """Make a delivery due now, unless an attempt is in flight. `None` if the tenant has no such delivery."""
        live = await self._jobs.call(commands.replay_delivery(tenant, delivery_id))
        if live is not None:
            return live
        archived = await self._history.delivery(tenant, delivery_id)
        return archived and await self._jobs.call(commands.replay_delivery(tenant, delivery_id, archived))

    async def _is_live(self, job: JobRecord) -> bool:
        return await self._jobs.call(commands.get_job(job.tenant, job.id)) is not None
