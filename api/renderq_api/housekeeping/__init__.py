"""Periodic loops: sweeps, retention, store health."""
