"""Redis refuses commands: requests get 503 with the reason, the service is not ready, and it recovers by itself."""

import httpx2
import pytest
import redis

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


@pytest.mark.parametrize("key", ["rq:queued-cost", "rq:virtual:shapes", "rq:queued", "rq:sequence"])
def test_a_key_of_a_wrong_type_is_a_503_with_its_kind_and_nothing_is_stored(
    api: RunningApi, http: httpx2.Client, redis_url: str, key: str
) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert http.post("/v1/jobs", json={"prompt": "x"}).status_code == 201
        client.rename(key, "saved")
        client.set(key, "written by hand")
        jobs = client.keys("rq:job:*")
        for method, path in (("POST", "/v1/jobs"), ("GET", "/readyz")):
            body = {"prompt": "x"} if method == "POST" else None
            document = problem(http.request(method, path, json=body), "service_unavailable")
            kind = ":".join(key.split(":")[:2])
            assert f"a key of the kind {kind} has a value that renderq did not write" in document["detail"]
        assert client.keys("rq:job:*") == jobs
        client.rename("saved", key)
    assert http.post("/v1/jobs", json={"prompt": "x"}).status_code == 201
    wait_until(lambda: http.get("/readyz").status_code == 200)


def test_the_kind_of_a_key_that_is_read_directly_is_named_too(
    api: RunningApi, http: httpx2.Client, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.delete("rq:store")
        client.lpush("rq:store", "written by hand")
        assert "of the kind rq:store " in problem(http.get("/readyz"), "service_unavailable")["detail"]
        client.delete("rq:store")
    wait_until(lambda: http.get("/readyz").status_code == 200)
