"""The HTTP service: accepts jobs, answers about them, sweeps."""
