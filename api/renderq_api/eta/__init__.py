"""Estimated time of a job's end."""
