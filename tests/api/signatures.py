"""Jobs without what differs from second to second."""

from typing import Any


def without_signatures(job: dict[str, Any]) -> dict[str, Any]:
    """Return `job` without the signed addresses of its outputs, which a later second signs anew."""
    signed = {"signed_url", "signed_url_expires_at"}
    outputs = [{name: value for name, value in output.items() if name not in signed} for output in job["outputs"]]
    return {**job, "outputs": outputs}
