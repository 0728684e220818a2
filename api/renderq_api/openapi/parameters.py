"""Parameters of requests: headers and query parameters."""

from typing import Any

from renderq.contract import LIMITS

Parameter = dict[str, Any]


def header(name: str, description: str, example: str, **schema: Any) -> Parameter:
    """Return a request header parameter."""
    return {
        "in": "header",
        "name": name,
        "description": description,
        "schema": {"type": "string", **schema},
        "example": example,
    }


def query_parameters(described: dict[str, tuple[dict[str, Any], str]]) -> list[Parameter]:
    """Return query parameters. `described`: name → schema and description."""
    return [
        {"in": "query", "name": name, "schema": schema, "description": text}
        for name, (schema, text) in described.items()
    ]


PREFER = header(
    "Prefer",
    f"`wait=N` delays the response until the job has ended, for at most N and at most {LIMITS.wait_seconds} seconds "
    "(RFC 7240). If the job has not ended by then, the response shows its current state.",
    "wait=30",
)

IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "Makes retries safe: within 24 hours the same key and body return the same job or batch.",
    "6f1d7c1e-3a52-4b56-9a53-0d3c6c1f7a10",
    pattern=r'^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$',
)

PRECONDITIONS = [
    header("If-Match", "Responds 412 for anything but `*`: a job's ETags are weak (RFC 9110, 13.1.1).", "*"),
    header("If-None-Match", "Responds 412 if the job has the version of one of these ETags, or for `*`.", 'W/"7"'),
]
"""Of routes that change a job."""
