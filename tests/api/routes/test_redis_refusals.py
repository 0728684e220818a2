"""Redis refuses commands: requests get 503 with the reason, the service is not ready, and it recovers by itself."""

import httpx2
import pytest

from tests.api.problems import NO_JOB, problem
from tests.api.running_api import RunningApi
from tests.polling import wait_until
from tests.redis_refusals import REFUSALS, missing_permission_in_script


@pytest.mark.parametrize("code", [code for code in REFUSALS if code != "MASTERDOWN"])
def test_a_refusal_is_a_503_with_its_reason(api: RunningApi, http: httpx2.Client, redis_url: str, code: str) -> None:
    with REFUSALS[code](redis_url):
        for method, path in (("POST", "/v1/jobs"), ("GET", "/readyz")):
            body = {"prompt": "x"} if method == "POST" else None
            document = problem(http.request(method, path, json=body), "service_unavailable")
            assert f"({code})" in document["detail"]
        if code != "OOM":  # a full server still lets jobs end
            document = problem(http.post(f"/v1/jobs/{NO_JOB}/cancel"), "service_unavailable")
            assert f"({code})" in document["detail"]
        assert http.get("/healthz").status_code == 200
    assert http.post("/v1/jobs", json={"prompt": "x"}).status_code == 201
    wait_until(lambda: http.get("/readyz").status_code == 200)


def test_the_reason_names_no_user_of_redis(api: RunningApi, http: httpx2.Client, redis_url: str) -> None:
    with missing_permission_in_script(redis_url):
        document = problem(http.post("/v1/jobs", json={"prompt": "x"}), "service_unavailable")
    assert "(NOPERM)" in document["detail"]
    assert "default" not in document["detail"]
