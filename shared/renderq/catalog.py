"""What the service can render, who renders, and for whom: `client.models`, `client.workers`, `client.tenants`."""

from renderq._core.requests import (
    get_model,
    list_models,
    list_tenants,
    list_workers,
    pause_model,
    pause_tenant,
    resume_model,
    resume_tenant,
)
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Model, Tenant, Worker


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

    def pause(self, name: str) -> Model:
        """Hold back the jobs of a model that do not run yet; an admin's matter. Raises `Forbidden`, `NotFound` …"""
        return self._transport.call(pause_model(name))

    def resume(self, name: str) -> Model:
        """Let them go on."""
        return self._transport.call(resume_model(name))


class Workers:
    """The workers of the service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Worker, ...]:
        """All live workers. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_workers()).data


class Tenants:
    """Whose jobs wait; an admin's matter throughout."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Tenant, ...]:
        """All tenants. Raises `Forbidden`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_tenants()).data

    def pause(self, name: str) -> Tenant:
        """Hold back the jobs of a tenant that do not run yet. Raises `Forbidden`, `NotFound` …"""
        return self._transport.call(pause_tenant(name))

    def resume(self, name: str) -> Tenant:
        """Let them go on."""
        return self._transport.call(resume_tenant(name))


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

    async def pause(self, name: str) -> Model:
        """Hold back the jobs of a model that do not run yet; an admin's matter. Raises `Forbidden`, `NotFound` …"""
        return await self._transport.call(pause_model(name))

    async def resume(self, name: str) -> Model:
        """Let them go on."""
        return await self._transport.call(resume_model(name))


class AsyncWorkers:
    """The workers of the service."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Worker, ...]:
        """All live workers. Raises `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_workers())).data


class AsyncTenants:
    """Whose jobs wait; an admin's matter throughout."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Tenant, ...]:
        """All tenants. Raises `Forbidden`, `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_tenants())).data

    async def pause(self, name: str) -> Tenant:
        """Hold back the jobs of a tenant that do not run yet. Raises `Forbidden`, `NotFound` …"""
        return await self._transport.call(pause_tenant(name))

    async def resume(self, name: str) -> Tenant:
        """Let them go on."""
        return await self._transport.call(resume_tenant(name))
