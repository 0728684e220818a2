"""Periodic threads, operations in flight, retries, stop signals."""
