"""Path traversal attempts reach nothing."""

import io

import httpx2
import pytest
from PIL import Image

from tests.api.raw_connection import exchange, statuses
from tests.api.running_api import RunningApi

SECRET = "do not tell"

WAYS_OUT = [
    *("../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%5csecret", "..\\secret", "....//secret"),
    *("..;/secret", "%252e%252e%252fsecret", "..%c0%afsecret", "..%ef%bc%8fsecret", "./../secret", "x/../../secret"),
    *("x/%2e%2e/%2e%2e/secret", "%00/../secret", "../secret%00.png", "//etc/passwd", "%2fetc%2fpasswd", "~/secret"),
    *(".renderq/signing.key", "%2erenderq/signing.key", "file:///etc/passwd", "../../../../../../etc/passwd"),
]

ROUTES = [
    *("GET /v1/files/{}?expires=9999999999&signature=x", "GET /v1/jobs/{}", "GET /v1/jobs/{}/events"),
    *("GET /v1/jobs/{}/images/0", "GET /v1/assets/{}", "GET /v1/assets/{}/content", "GET /v1/models/{}"),
    *("DELETE /v1/jobs/{}", "POST /v1/jobs/{}/cancel", "POST /v1/deliveries/{}/replay", "GET /{}"),
]


@pytest.mark.parametrize("route", ROUTES)
def test_no_way_leads_out(api: RunningApi, authorization: dict[str, str], route: str) -> None:
    for place in (api.settings.data, api.settings.store_folder, api.settings.store_folder.parent.parent):
        (place / "secret").write_text(SECRET)
    head = f" HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization['Authorization']}\r\n\r\n"
    last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    requests = "".join(route.format(way) + head for way in WAYS_OUT) + last
    received = exchange(api, requests.encode())
    *rejected, alive = statuses(received)
    assert (len(rejected), alive) == (len(WAYS_OUT), 200)
    assert set(rejected) <= {401, 403, 404, 405}
    assert SECRET.encode() not in received
    assert b"root:" not in received


def test_a_files_name_and_type_decide_nothing(http: httpx2.Client, api: RunningApi) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    for name in ("../../evil.html", "/etc/cron.d/evil", "a\0b.svg", "x.png\r\nX-Injected: yes", "con", "." * 300):
        response = http.post("/v1/assets", files={"file": (name, buffer.getvalue(), "text/html")})
        assert (response.status_code, response.json()["content_type"]) == (201, "image/png")
        assert "x-injected" not in response.headers
    public_url = str(api.settings.public_url)
    signed = http.get(response.json()["url"].removeprefix(public_url)).headers["location"]
    shown = http.get(signed.removeprefix(public_url))
    assert (shown.headers["content-type"], shown.headers["x-content-type-options"]) == ("image/png", "nosniff")
    assert [path.name for path in api.settings.store_folder.rglob("*evil*")] == []
