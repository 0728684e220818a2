"""Settings of an open demo: visitors without an account, and their limits."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from renderq_shared.settings.shared import SharedSettings
from renderq_shared.settings.values import expand

_DAY_S = 86_400


class VisitorSettings(SharedSettings):
    """Settings of an open demo."""

    visitors: Literal["off", "on"] = Field(
        "off",
        description="Open demo: `POST /v1/visitors` gives everybody a key for a day, within the limits below. Needs "
        "`RENDERQ_KEYS=required`.",
    )
    visitors_seconds: int = Field(
        _DAY_S,
        ge=1,
        le=_DAY_S,
        description="Lifetime of a visitor's key; at its end the visitor's jobs and images are deleted.",
    )
    visitors_max: int = Field(500, ge=1, le=10_000, description="Maximum number of visitors at a time.")
    visitors_open_jobs: int = Field(
        50,
        ge=1,
        le=1_000,
        description="Maximum number of queued and running jobs of all visitors together. One visitor has at most one "
        "queued job, and two that have not ended.",
    )
    visitors_keys_per_address: int = Field(
        3, ge=1, le=10_000, description="Keys of one client address a day (UTC); of IPv6, of one /64 network."
    )
    visitors_jobs_per_address: int = Field(
        40, ge=1, le=1_000_000, description="Jobs of all visitors to whom one address got keys on one day."
    )
    visitors_requests_per_minute: int = Field(
        120, ge=1, le=100_000, description="Maximum number of requests per minute of one visitor."
    )
    visitors_images: int = Field(2, ge=1, le=8, description="Maximum number of images of a visitor's job.")
    visitors_refuse: Path | None = Field(
        None,
        description="Text file of words, one or several to a line: a visitor's prompt with those of a line is refused. "
        "Read at startup.",
    )

    @field_validator("visitors_refuse")
    @classmethod
    def _expand_visitors_refuse(cls, path: Path | None) -> Path | None:
        return path and expand(path)
