"""`Basic` credentials: the user name or the password is the API key."""

import base64

import httpx2
import pytest

from renderq_shared.access import KeyStore
from tests.api.auth.conftest import make_key
from tests.api.problems import problem
from tests.api.running_api import RunningApi


def basic(text: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}


@pytest.fixture
def key(keys: KeyStore) -> str:
    return make_key(keys, "laptop", tenant="ada")


@pytest.mark.parametrize("credentials", ["any:{key}", "{key}:", "{key}:x"])
def test_user_name_or_password_is_the_key(anonymous: httpx2.Client, key: str, credentials: str) -> None:
    for scheme in ("Basic", "basic"):
        sent = basic(credentials.format(key=key), scheme)
        assert anonymous.get("/v1/me", headers=sent).json()["tenant"] == "ada"


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic YQ", "Basic Og==", "Basic /w==", "Digest x"])
def test_other_credentials_are_refused(anonymous: httpx2.Client, key: str, header: str) -> None:
    problem(anonymous.get("/v1/me", headers={"Authorization": header}), "unauthorized")


@pytest.mark.parametrize(
    "more",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_pages_of_other_sites_cannot_use_what_the_browser_remembers(
    anonymous: httpx2.Client, key: str, more: dict[str, str]
) -> None:
    document = problem(anonymous.post("/v1/assets", headers={**basic(f"x:{key}"), **more}), "forbidden")
    assert key not in str(document)
    bearer = {"Authorization": f"Bearer {key}", **more}
    assert anonymous.get("/v1/me", headers=bearer).status_code == 200


def test_a_page_of_the_service_itself_can(keyed_api: RunningApi, anonymous: httpx2.Client, key: str) -> None:
    own = {"Origin": keyed_api.url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert anonymous.get("/v1/me", headers={**basic(f"x:{key}"), **own}).status_code == 200


def test_without_keys_any_credentials_are_passed_over(http: httpx2.Client) -> None:
    for header in ("Basic", "Basic dTpw", "Bearer sk-any"):
        assert http.get("/v1/me", headers={"Authorization": header}).status_code == 200
