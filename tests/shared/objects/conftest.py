from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from renderq_shared.objects import FolderStore, ObjectStore, open_store
from renderq_shared.settings import SharedSettings
from tests.s3_servers import S3Server

_buckets = count(1)

OpenS3 = Callable[..., Any]


@pytest.fixture(params=["nanio", "ministack"])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Each S3 server in turn, configured by boto3's own variables."""
    server: S3Server = request.getfixturevalue(request.param)
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return server


@pytest.fixture
def bucket(server: S3Server) -> str:
    """An empty bucket."""
    name = f"images-{next(_buckets)}"
    server.client().create_bucket(Bucket=name)
    return name


@pytest.fixture
def open_s3(bucket: str) -> OpenS3:
    """Opens the store of these settings; by default, below a prefix of the test's bucket."""
    return lambda **settings: open_store(SharedSettings(**{"store": f"s3://{bucket}/some/prefix", **settings}))


@pytest.fixture
def s3(open_s3: OpenS3) -> Any:
    store = open_s3()
    store.check()
    return store


@pytest.fixture(params=["folder", "nanio", "ministack"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Each kind of store in turn, empty."""
    if request.param == "folder":
        store: ObjectStore = FolderStore(tmp_path / "store")
    else:
        server: S3Server = request.getfixturevalue(request.param)
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        bucket = f"images-{next(_buckets)}"
        server.client().create_bucket(Bucket=bucket)
        store = open_store(SharedSettings(store=f"s3://{bucket}/some/prefix"))
    store.check()
    return store
