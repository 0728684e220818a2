"""The job store: the source of truth about jobs. Every state change is one command, atomic and safe to repeat."""

from typing import Protocol, TypeVar

from renderq_shared.jobs.commands import Command

Answer = TypeVar("Answer")


class JobStore(Protocol):
    """The job store for callers that block: workers, commands, tests."""

    def call(self, command: Command[Answer]) -> Answer:
        """Execute `command` atomically. Raises `StoreUnavailable` if the server does not answer."""
        ...


class AsyncJobStore(Protocol):
    """The job store for event loops: the API."""

    async def call(self, command: Command[Answer]) -> Answer:
        """Execute `command` atomically. Raises `StoreUnavailable` if the server does not answer."""
        ...
