"""Lifetimes of data without a retention setting, equal in all job stores."""

IDEMPOTENCY_KEY_TTL_MS = 24 * 3_600_000
"""An idempotency key refers to its job for this long."""

CLAIM_TTL_MS = 120_000
"""A repeated claim finds its job for this long: longer than `sync_client` retries one call."""

DELETION_TTL_MS = 120_000
"""A repeated deletion gets the first result for this long: longer than clients retry by themselves."""

VISITOR_COUNT_TTL_MS = 48 * 3_600_000
"""The jobs of an address are counted for this long: a day's last visitor lives until the end of the next one."""

PURGE_TTL_MS = 24 * 3_600_000
"""The result of a purge can be read for this long."""
