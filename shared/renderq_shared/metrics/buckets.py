"""Upper bounds of histograms, in seconds."""

CALL_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Calls of a service, requests, steps of the engine."""

JOB_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 150.0, 300.0, 900.0, 3600.0, 14400.0)
"""Parts of a job's life, from a fraction of a second to hours in the queue."""
