"""API keys, callers, rate limits, event tokens."""
