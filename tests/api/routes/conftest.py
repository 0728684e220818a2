"""An object store that the API can use."""

import pytest

from tests.s3_servers import S3Server

STORE = "s3://api-images/some/prefix"


@pytest.fixture
def s3(nanio: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """A server with our bucket, as boto3 in this process sees it."""
    for name, value in nanio.env.items():
        monkeypatch.setenv(name, value)
    if "api-images" not in [bucket["Name"] for bucket in nanio.client().list_buckets()["Buckets"]]:
        nanio.client().create_bucket(Bucket="api-images")
    return nanio
