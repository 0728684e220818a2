"""Settings of `renderq up`."""

from renderq_shared.settings.api import ApiSettings
from renderq_shared.settings.worker import WorkerSettings


class LocalSettings(ApiSettings, WorkerSettings):
    """Settings of `renderq up`: those of the API and the workers that it starts."""
