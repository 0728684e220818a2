"""Lifetimes of data without a retention setting, equal in all job stores."""

IDEMPOTENCY_KEY_TTL_MS = 24 * 3_600_000
"""An idempotency key refers to its job for this long."""

CLAIM_TTL_MS = 120_000
"""A repeated claim finds its job for this long: longer than `sync_client` retries one call."""

DELETION_TTL_MS = 120_000
"""A repeated deletion gets the first result for this long: longer than clients retry by themselves."""

DELIVERY_TTL_MS = 72 * 3_600_000
"""An ended delivery can be read and replayed for this long."""
