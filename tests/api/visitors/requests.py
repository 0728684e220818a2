"""Requests of visitors."""

from typing import Any

import httpx2

from tests.api.running_api import RunningApi


def ask(api: RunningApi, address: str = "192.0.2.1") -> httpx2.Response:
    """Ask for a key as a proxy on this machine does for a client at an address."""
    with api.client(headers={"X-Forwarded-For": address}) as http:
        return http.post("/v1/visitors")


def submit(visitor: httpx2.Client, **fields: Any) -> httpx2.Response:
    return visitor.post("/v1/jobs", json={"prompt": "a red circle", **fields})
