"""What waits for the history of a service, as its Redis knows it."""

from pathlib import Path

from renderq_shared.errors import StoreUnavailable
from renderq_shared.jobs import ArchiveState, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.local.service_redis import service_redis_url
from renderq_shared.redis.clients import sync_client


def read_archive_state(redis_url: str | None, data: Path | None) -> ArchiveState | None:
    """Return what waits for the history, and who writes to it; `None` if Redis does not respond.

    Raises `SettingsInvalid`, and `StoreUnavailable` if Redis refuses to say.
    """
    url = service_redis_url(redis_url, data)
    if url is None:
        return None
    try:
        with sync_client(url) as client:
            return RedisJobStore(client).call(commands.archive_state())
    except StoreUnavailable as error:
        if error.refusal:
            raise
        return None
