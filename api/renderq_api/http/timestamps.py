"""Timestamps of responses."""

from datetime import UTC, datetime


def timestamp(ms: int) -> datetime:
    """Return the UTC time of milliseconds since the Unix epoch."""
    return datetime.fromtimestamp(ms / 1000, UTC)
