"""Settings of the API, the workers and `renderq up`: frozen, read once from `RENDERQ_` variables, and passed in.

shared, api, worker, local  one model per kind of process
visitors                    the part of the API's settings that is about an open demo
addresses                   URLs, networks and path prefixes
values                      the environment, texts and paths, errors
unknown                     a warning about variables that are no settings
"""

from renderq_shared.settings.addresses import IpNetwork, is_path_prefix
from renderq_shared.settings.api import ApiSettings
from renderq_shared.settings.local import LocalSettings
from renderq_shared.settings.shared import SharedSettings
from renderq_shared.settings.unknown import warn_unknown_settings
from renderq_shared.settings.worker import WorkerSettings

__all__ = [
    "ApiSettings",
    "IpNetwork",
    "LocalSettings",
    "SharedSettings",
    "WorkerSettings",
    "is_path_prefix",
    "warn_unknown_settings",
]
