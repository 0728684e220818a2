"""Claims: wake-ups, claiming jobs, claimed jobs, lease renewal."""
