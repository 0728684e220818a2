"""A job at one moment: its record and its queue position."""

from renderq_shared.jobs import JobRecord, QueuePosition

JobSnapshot = tuple[JobRecord, QueuePosition | None]
"""The position is `None` unless the job is queued."""
