"""Addresses of the page for its tests."""

import re

import httpx2

VIEWS = ["/", "/queue", "/gallery", "/jobs/job_1", "/models", "/workers", "/sign-in"]


def files_path(http: httpx2.Client) -> str:
    """Return the path of the folder of the page's files, with a slash at its end."""
    match = re.search(r'src="([^"]+/)main\.js"', http.get("/").text)
    assert match
    return match[1]
