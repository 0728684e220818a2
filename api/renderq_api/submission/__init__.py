"""Submission of a job: parsing, resolution against the catalog, checks."""
