"""Settings of the API, the workers and `renderq up`, read from `RENDERQ_` variables."""

from renderq_shared.settings.models import ApiSettings, SharedSettings, WorkerSettings, format_errors
from renderq_shared.settings.unknown import warn_unknown_settings

__all__ = ["ApiSettings", "SharedSettings", "WorkerSettings", "format_errors", "warn_unknown_settings"]
