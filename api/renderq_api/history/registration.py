"""Registration of an API process with its history: all that are alive must share one."""

import asyncio
import contextlib
import os
import secrets
import socket

import structlog

from renderq_shared.errors import HistoryUnavailable, HistoryUnsuitable, StoreUnavailable
from renderq_shared.history import History
from renderq_shared.jobs import AsyncJobStore, commands

log = structlog.get_logger(__name__)

_TTL_MS = 30_000


class HistoryRegistration:
    """This process and its history, as other API processes see it."""

    def __init__(self, jobs: AsyncJobStore, history: History) -> None:
        self._jobs = jobs
        self._history = history
        self._history_id: str | None = None
        """As it was read last."""
        self._process = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._is_registered = False
        self.problem: str | None = None
        """Why another process cannot run beside this one; `None` if all share the history."""

    async def identify(self) -> None:
        """Read the id of the history, which changes when its tables were lost. Raises `HistoryUnavailable`."""
        self._history_id = await self._history.id()

    async def renew(self) -> None:
        """Register for half a minute, once the history is known.

        Raises `HistoryUnsuitable` if a live process has another one.
        """
        if self._history_id is None:
            return
        others = await self._jobs.call(commands.register_api(self._process, self._history_id, _TTL_MS))
        self._is_registered = not others
        if others:
            raise HistoryUnsuitable(
                f"the API process {others[0]} has another history; all must share one. Set RENDERQ_HISTORY_URL of all "
                "API processes to the same PostgreSQL database"
            )

    async def run(self) -> None:
        """Renew the registration until canceled. Logs another history once; readiness names it."""
        while True:
            await asyncio.sleep(_TTL_MS / 3_000)
            with contextlib.suppress(HistoryUnavailable):  # the retention loop logs it
                await self.identify()
            try:
                await self.renew()
                self.problem = None
            except StoreUnavailable:
                pass  # the sweeper logs it
            except HistoryUnsuitable as error:
                if not self.problem:
                    log.error("history.unsuitable", reason=str(error))
                self.problem = str(error)

    async def remove(self) -> None:
        """End the registration, if there is one."""
        if self._is_registered:
            await self._jobs.call(commands.unregister_api(self._process))
