"""The job store: the source of truth about jobs. Every state change is one command, atomic and safe to repeat."""

from typing import Protocol, TypeVar

from renderq_shared.jobs.commands import Command

Result = TypeVar("Result")


class JobStore(Protocol):
    """The job store for callers that block: workers, commands, tests."""

    def call(self, command: Command[Result]) -> Result:
        """Execute `command` atomically. Raises `StoreUnavailable` if the server does not respond."""
        ...


class AsyncJobStore(Protocol):
    """The job store for event loops: the API."""

    async def call(self, command: Command[Result]) -> Result:
        """Execute `command` atomically. Raises `StoreUnavailable` if the server does not respond."""
        ...
