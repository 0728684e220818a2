"""Whom a job's webhook reaches."""

import json

from renderq_shared.jobs import JobRecord


def webhook_url(record: JobRecord) -> str:
    """Of a job that has a webhook."""
    return json.loads(record.request_json)["webhook"]["url"]
