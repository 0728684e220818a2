"""Submission of jobs: parse → check → ingest → resolve → enqueue."""
