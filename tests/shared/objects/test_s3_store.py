"""Object store in S3, on two real servers."""

import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx2
import pytest
from botocore.exceptions import ClientError

from renderq_shared.errors import ObjectStoreUnavailable, ObjectStoreUnsuitable
from renderq_shared.objects import check_same_store
from tests.s3_servers import MiniStack, S3Server
from tests.shared.objects.conftest import OpenS3

pytestmark = pytest.mark.timeout(300)  # the first test to use a server installs it

KEY = "jobs/job_1/claim_1/0.png"


def fetch(url: str, **headers: str) -> httpx2.Response:
    return httpx2.get(url, headers=headers, trust_env=False)


def with_parameters(url: str, **parameters: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query=urlencode({**dict(parse_qsl(parts.query)), **parameters}, quote_via=quote)).geturl()


def test_everything_lies_below_the_prefix(s3: Any, bucket: str, server: S3Server) -> None:
    s3.put(KEY, b"x", "image/png")
    client = server.client()
    client.put_object(Bucket=bucket, Key=f"elsewhere/{KEY}", Body=b"not ours")
    client.put_object(Bucket=bucket, Key=KEY, Body=b"not ours")
    assert s3.delete_prefix("jobs/job_1/") == 1
    names = {found["Key"] for found in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert names == {f"elsewhere/{KEY}", KEY}


def test_whole_bucket_may_be_ours(open_s3: OpenS3, bucket: str, server: S3Server) -> None:
    store = open_s3(store=f"s3://{bucket}")
    store.check()
    store.put(KEY, b"x", "image/png")
    assert server.client().get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"x"
    assert store.delete_prefix("jobs/") == 1


def test_large_object_is_uploaded_in_parts(s3: Any, server: S3Server, bucket: str) -> None:
    data = os.urandom(20_000_000)
    s3.put("large.bin", data, "application/octet-stream")
    assert b"".join(s3.read("large.bin")) == data
    assert b"".join(s3.read("large.bin", 8_388_607, 8_388_610)) == data[8_388_607:8_388_610]
    assert s3.info("large.bin").etag.endswith("-3")
    assert s3.info("large.bin").content_type == "application/octet-stream"


def test_more_are_deleted_than_one_page_lists(s3: Any, bucket: str, server: S3Server) -> None:
    client = server.client()
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda number: client.put_object(Bucket=bucket, Key=f"some/prefix/jobs/a/{number}", Body=b""),
                range(1003),
            )
        )
    assert s3.delete_prefix("jobs/a/") == 1003
    assert client.list_objects_v2(Bucket=bucket, Prefix="some/prefix/jobs/")["KeyCount"] == 0


def test_signed_url_gives_access_to_one_object(s3: Any) -> None:
    s3.put(KEY, b"0123456789", "image/png")
    url = s3.signed_url(KEY, 60).url
    whole = fetch(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"0123456789", "image/png")
    part = fetch(url, Range="bytes=2-4")
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")


def test_signed_url_requests_the_headers_of_an_image(s3: Any, server: S3Server) -> None:
    s3.put(KEY, b"x", "image/png")
    url = s3.signed_url(KEY, 60).url
    parameters = dict(parse_qsl(urlsplit(url).query))
    assert parameters["response-content-disposition"] == 'inline; filename="job_1-0.png"'
    assert parameters["response-content-type"] == "image/png"
    assert parameters["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    if isinstance(server, MiniStack):  # nanio ignores them
        headers = fetch(url).headers
        assert headers["content-disposition"] == 'inline; filename="job_1-0.png"'
        assert headers["cache-control"] == "private, max-age=60, immutable"


def test_tampered_url_is_refused(s3: Any) -> None:
    for key in (KEY, "jobs/job_1/claim_1/1.png"):
        s3.put(key, b"x", "image/png")
    url = s3.signed_url(KEY, 60).url
    assert fetch(with_parameters(url)).status_code == 200
    for bad in (
        with_parameters(url, **{"X-Amz-Signature": "0" * 64}),
        with_parameters(url, **{"X-Amz-Expires": "600"}),
        with_parameters(url, **{"response-content-type": "text/html"}),
        url.replace("/0.png", "/1.png"),
        url.split("?")[0],
    ):
        assert fetch(bad).status_code == 403, bad
    assert httpx2.put(url, content=b"y", trust_env=False).status_code == 403


def test_signed_url_expires(s3: Any) -> None:
    s3.put(KEY, b"x", "image/png")
    signed = s3.signed_url(KEY, 1)
    while time.time() < signed.expires_at.timestamp() + 1.5:
        time.sleep(0.1)
    assert fetch(signed.url).status_code == 403


def test_urls_are_signed_for_the_public_endpoint(open_s3: OpenS3, server: S3Server) -> None:
    public = f"http://localhost:{server.port}"
    store = open_s3(s3_public_endpoint=public)
    store.put(KEY, b"x", "image/png")
    url = store.signed_url(KEY, 60).url
    assert url.startswith(f"{public}/")
    assert fetch(url).content == b"x"
    assert fetch(url.replace("localhost", "127.0.0.1")).status_code == 403


def test_addressing_and_region_follow_the_settings(
    open_s3: OpenS3, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    public = "https://images.example.com"
    path = open_s3(s3_public_endpoint=public, s3_addressing="path").signed_url(KEY, 60).url
    virtual = open_s3(s3_public_endpoint=public, s3_addressing="virtual").signed_url(KEY, 60).url
    assert path.startswith(f"{public}/{bucket}/some/prefix/{KEY}?")
    assert virtual.startswith(f"https://{bucket}.images.example.com/some/prefix/{KEY}?")
    for url in (path, virtual):
        assert "/eu-central-1/s3/aws4_request" in dict(parse_qsl(urlsplit(url).query))["X-Amz-Credential"]


@pytest.mark.parametrize("checksums", ["when_required", "when_supported"])
def test_checksums_follow_the_settings(open_s3: OpenS3, checksums: str) -> None:
    store = open_s3(s3_checksums=checksums)
    sent: list[bool] = []
    store._client.meta.events.register(
        "before-send.s3.PutObject",
        lambda request, **_: sent.append("x-amz-checksum-crc32" in {name.lower() for name in request.headers}),
    )
    store.put(KEY, b"x", "image/png")
    assert b"".join(store.read(KEY)) == b"x"
    assert sent == [checksums == "when_supported"]


def test_missing_bucket_is_unsuitable_at_start_and_unavailable_later(open_s3: OpenS3) -> None:
    store = open_s3(store="s3://there-is-none/x")
    with pytest.raises(ObjectStoreUnsuitable, match="no such bucket"):
        store.check()
    with pytest.raises(ObjectStoreUnavailable, match="no such bucket"):
        store.put(KEY, b"x", "image/png")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, "InvalidAccessKeyId"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "credentials"),
        ({"AWS_ENDPOINT_URL": "images:9000"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "", "AWS_DEFAULT_REGION": ""}, "AWS_DEFAULT_REGION"),
        ({"AWS_PROFILE": "unknown"}, "no such profile"),
    ],
)
def test_permanent_errors_contain_no_secrets(
    open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], reason: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ObjectStoreUnsuitable, match=reason) as caught:
        open_s3().check()
    text = str(caught.value)
    assert "\n" not in text
    assert "secret" not in text.replace("the secret key", "").replace("SECRET_ACCESS_KEY", "")


def test_transient_errors_contain_no_secrets(
    open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:hidden@127.0.0.1:1")
    store = open_s3()
    for use in (
        store.check,
        lambda: store.put(KEY, b"x", "image/png"),
        lambda: store.put("large.bin", bytes(9_000_000), "application/octet-stream"),
        lambda: store.info(KEY),
        lambda: list(store.read(KEY)),
        lambda: store.delete_prefix("jobs/"),
    ):
        with pytest.raises(ObjectStoreUnavailable, match="does not respond") as caught:
            use()
        assert "hidden" not in str(caught.value)
    assert "hidden" not in caplog.text


def test_wrong_clock_is_a_transient_error(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    response = {"Error": {"Code": "RequestTimeTooSkewed"}, "ResponseMetadata": {"HTTPStatusCode": 403}}

    def skewed(**_: object) -> None:
        raise ClientError(response, "ListObjectsV2")

    monkeypatch.setattr(s3._client, "list_objects_v2", skewed)
    with pytest.raises(ObjectStoreUnavailable, match="set the clock"):
        s3.check()


def test_read_only_key_is_refused(open_s3: OpenS3, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    if not isinstance(server, MiniStack):  # nanio has no permissions
        return
    store = open_s3()
    for number in range(2):
        store.put(f"jobs/a/{number}.png", b"x", "image/png")
    key, secret = server.new_key("s3:GetObject", "s3:ListBucket")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    reader = open_s3()
    assert b"".join(reader.read("jobs/a/0.png")) == b"x"
    with pytest.raises(ObjectStoreUnsuitable, match="must be able to get, put, list and delete"):
        reader.check()
    with pytest.raises(ObjectStoreUnavailable):
        reader.delete_prefix("jobs/a/")
    assert store.info("jobs/a/1.png")


def test_objects_that_could_not_be_deleted_are_named(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        s3.put(f"jobs/a/{number}.png", b"x", "image/png")
    delete = s3._client.delete_objects

    def delete_all_but_one(**request: Any) -> dict[str, Any]:
        *deleted, kept = request["Delete"]["Objects"]
        response = delete(**{**request, "Delete": {"Objects": deleted, "Quiet": True}})
        return {**response, "Errors": [{"Key": kept["Key"], "Code": "AccessDenied"}]}

    monkeypatch.setattr(s3._client, "delete_objects", delete_all_but_one)
    with pytest.raises(
        ObjectStoreUnavailable, match=r"1 of 3 objects .* first some/prefix/jobs/a/2.png \(AccessDenied"
    ):
        s3.delete_prefix("jobs/a/")


def test_worker_with_another_store_is_refused(s3: Any, open_s3: OpenS3, bucket: str) -> None:
    class PublishedId:
        def get(self, _key: str) -> str:
            return s3.id

    check_same_store(PublishedId(), open_s3())
    for other in (f"s3://{bucket}", f"s3://{bucket}/some/other", "s3://another/some/prefix"):
        with pytest.raises(ObjectStoreUnsuitable, match="Set RENDERQ_STORE"):
            check_same_store(PublishedId(), open_s3(store=other))


@pytest.fixture
def faulty_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[BaseHTTPRequestHandler]]:
    """A server in place of the real one whose responses a test can break."""

    class FaultyHandler(BaseHTTPRequestHandler):
        length = 10

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(self.length))
            self.end_headers()
            self.wfile.write(b"0123456789")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), FaultyHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield FaultyHandler
    server.shutdown()
    thread.join()
    server.server_close()


def test_truncated_response_is_an_error(s3: Any, open_s3: OpenS3, faulty_server: Any) -> None:
    faulty_server.length = 11
    with pytest.raises(ObjectStoreUnavailable, match="connection was lost"):
        list(open_s3().read(KEY))


def test_store_without_range_requests_is_refused(s3: Any, open_s3: OpenS3, faulty_server: Any) -> None:
    assert b"".join(open_s3().read(KEY)) == b"0123456789"
    with pytest.raises(ObjectStoreUnavailable, match="does not support range requests"):
        list(open_s3().read(KEY, 2, 5))
