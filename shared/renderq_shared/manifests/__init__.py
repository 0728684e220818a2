"""Manifests: ended jobs as `job.json` in the object store, and restoring them from there."""
