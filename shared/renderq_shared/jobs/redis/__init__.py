"""Job store in Redis: one Lua script per state change."""
