"""Periodic threads, operations in flight, stop signals."""
