"""Claims: wake-up consumer, job claimer, claimed jobs, lease renewal."""
