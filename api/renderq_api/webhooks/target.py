"""Target URL of a job's webhook."""

import json

from renderq_shared.jobs import JobRecord


def webhook_url(record: JobRecord) -> str:
    """Return the webhook URL of a job that has one."""
    return json.loads(record.request_json)["webhook"]["url"]
