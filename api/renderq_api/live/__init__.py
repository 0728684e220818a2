"""Live updates of jobs: watchers, long polls, event streams."""
