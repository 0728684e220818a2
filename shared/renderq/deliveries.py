"""Webhook deliveries: `client.deliveries`."""

from renderq._core.requests import list_deliveries, replay_delivery
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Delivery


class Deliveries:
    """The webhook deliveries of the jobs visible to this API key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, job_id: str) -> tuple[Delivery, ...]:
        """Return the deliveries of a job, one per event. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_deliveries(job_id)).data

    def replay(self, delivery_id: str) -> Delivery:
        """Send a delivery again at once. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(replay_delivery(delivery_id))


class AsyncDeliveries:
    """The webhook deliveries of the jobs visible to this API key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self, job_id: str) -> tuple[Delivery, ...]:
        """Return the deliveries of a job, one per event. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_deliveries(job_id))).data

    async def replay(self, delivery_id: str) -> Delivery:
        """Send a delivery again at once. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(replay_delivery(delivery_id))
