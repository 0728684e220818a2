"""The Redis of a service, as commands for operators find it."""

from pathlib import Path

from renderq_shared.local.embedded_redis import EmbeddedRedis
from renderq_shared.settings import SharedSettings


def service_redis_url(redis_url: str | None, data: Path | None) -> str | None:
    """Return the URL of the options or settings; else that of a running `renderq up`; else the default.

    `None` if the option `data` names a folder without a running `renderq up`. Raises `SettingsInvalid`.
    """
    settings = SharedSettings.from_options({"redis_url": redis_url, "data": data})
    if redis_url is None and (data or "redis_url" not in settings.model_fields_set):
        if embedded := EmbeddedRedis.read_url(settings.data / "redis"):
            return embedded
        if data:
            return None
    return settings.redis_url
