"""Models, workers and tenants of the service: `client.models`, `client.workers`, `client.tenants`."""

from renderq._core.requests import (
    drain_worker,
    get_model,
    get_purge,
    list_models,
    list_styles,
    list_tenants,
    list_workers,
    pause_model,
    pause_tenant,
    purge_tenant,
    resume_model,
    resume_tenant,
)
from renderq._transport import AsyncTransport, Transport
from renderq.contract import Model, Purge, Style, Tenant, Worker


class Models:
    """The models of the service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Model, ...]:
        """Return all models. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_models()).data

    def get(self, name: str) -> Model:
        """Return one model. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(get_model(name))

    def styles(self) -> tuple[Style, ...]:
        """Return the styles of the service; `Style.apply` adds one to a prompt. Raises `ConnectionFailed` …"""
        return self._transport.call(list_styles()).data

    def pause(self, name: str) -> Model:
        """Stop starting jobs of a model. Needs an admin key. Raises `Forbidden`, `NotFound` …"""
        return self._transport.call(pause_model(name))

    def resume(self, name: str) -> Model:
        """Undo `pause`."""
        return self._transport.call(resume_model(name))


class Workers:
    """The workers of the service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Worker, ...]:
        """Return all live workers. Raises `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_workers()).data

    def drain(self, worker_id: str) -> Worker:
        """Let a worker finish its jobs, claim no more, and end. Needs an admin key. Raises `Forbidden`, `NotFound` …"""
        return self._transport.call(drain_worker(worker_id))


class Tenants:
    """The tenants of the service. Needs an admin key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> tuple[Tenant, ...]:
        """Return all tenants. Raises `Forbidden`, `ConnectionFailed` and `APIError`."""
        return self._transport.call(list_tenants()).data

    def pause(self, name: str) -> Tenant:
        """Stop starting jobs of a tenant. Raises `Forbidden`, `NotFound` …"""
        return self._transport.call(pause_tenant(name))

    def resume(self, name: str) -> Tenant:
        """Undo `pause`."""
        return self._transport.call(resume_tenant(name))

    def purge(self, name: str) -> Purge:
        """Begin to delete all data of a tenant, or return the purge in progress. Raises `Forbidden`, `NotFound` …"""
        return self._transport.call(purge_tenant(name))

    def get_purge(self, name: str) -> Purge:
        """Return the last purge; it has ended when `completed_at` is set. Raises `NotFound` a day after its end."""
        return self._transport.call(get_purge(name))


class AsyncModels:
    """The models of the service."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Model, ...]:
        """Return all models. Raises `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_models())).data

    async def get(self, name: str) -> Model:
        """Return one model. Raises `NotFound`, `ConnectionFailed` and `APIError`."""
        return await self._transport.call(get_model(name))

    async def styles(self) -> tuple[Style, ...]:
        """Return the styles of the service; `Style.apply` adds one to a prompt. Raises `ConnectionFailed` …"""
        return (await self._transport.call(list_styles())).data

    async def pause(self, name: str) -> Model:
        """Stop starting jobs of a model. Needs an admin key. Raises `Forbidden`, `NotFound` …"""
        return await self._transport.call(pause_model(name))

    async def resume(self, name: str) -> Model:
        """Undo `pause`."""
        return await self._transport.call(resume_model(name))


class AsyncWorkers:
    """The workers of the service."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Worker, ...]:
        """Return all live workers. Raises `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_workers())).data

    async def drain(self, worker_id: str) -> Worker:
        """Let a worker finish its jobs, claim no more, and end. Needs an admin key. Raises `Forbidden`, `NotFound` …"""
        return await self._transport.call(drain_worker(worker_id))


class AsyncTenants:
    """The tenants of the service. Needs an admin key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> tuple[Tenant, ...]:
        """Return all tenants. Raises `Forbidden`, `ConnectionFailed` and `APIError`."""
        return (await self._transport.call(list_tenants())).data

    async def pause(self, name: str) -> Tenant:
        """Stop starting jobs of a tenant. Raises `Forbidden`, `NotFound` …"""
        return await self._transport.call(pause_tenant(name))

    async def resume(self, name: str) -> Tenant:
        """Undo `pause`."""
        return await self._transport.call(resume_tenant(name))

    async def purge(self, name: str) -> Purge:
        """Begin to delete all data of a tenant, or return the purge in progress. Raises `Forbidden`, `NotFound` …"""
        return await self._transport.call(purge_tenant(name))

    async def get_purge(self, name: str) -> Purge:
        """Return the last purge; it has ended when `completed_at` is set. Raises `NotFound` a day after its end."""
        return await self._transport.call(get_purge(name))
