"""The worker process: startup, composition, heartbeat, watchdog."""
