"""Shared by API and workers: settings, job store, wake-ups, object store, catalog."""
