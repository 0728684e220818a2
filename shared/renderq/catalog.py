"""What the service can render, and who renders: `client.models` and `client.workers`."""

from renderq.contract import Model, Worker
from renderq.core.calls import get_model, list_models, list_workers
from renderq.transport import AsyncTransport, Transport


class Models:
    """The models of the service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Model, ...]:
        """All models. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_models()).data

    def get(self, name: str) -> Model:
        """One model. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_model(name))


class Workers:
    """The workers of the service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Worker, ...]:
        """All live workers. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_workers()).data


class AsyncModels:
    """The models of the service."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Model, ...]:
        """All models. Raises `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_models())).data

    async def get(self, name: str) -> Model:
        """One model. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_model(name))


class AsyncWorkers:
    """The workers of the service."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Worker, ...]:
        """All live workers. Raises `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_workers())).data
