"""Warn about unknown `RENDERQ_` variables, which are usually typos."""

from collections.abc import Iterable
from difflib import get_close_matches

import structlog

from renderq_shared.settings.local import LocalSettings
from renderq_shared.settings.values import PREFIX, variable

log = structlog.get_logger(__name__)

_CLIENT_VARIABLES = frozenset({"RENDERQ_URL", "RENDERQ_API_KEY"})


def warn_unknown_settings(environment: Iterable[str]) -> None:
    """Log each variable name that starts with `RENDERQ_` and is no setting, with the closest name if there is one."""
    known = _CLIENT_VARIABLES.union(map(variable, LocalSettings.model_fields))
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            matches = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
            log.warning("setting.unknown", name=name, **({"did_you_mean": matches[0]} if matches else {}))
