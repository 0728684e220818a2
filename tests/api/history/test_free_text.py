"""Any text in a parameter is an answer of the service, also where it reaches PostgreSQL, which stores no NUL."""

from urllib.parse import quote

from renderq_api.job_views.pagination import LIST_PARAMETERS
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi

HOSTILE = {"NUL": "%00", "a lone surrogate": "%ED%A0%80", "long": "x" * 8_000, "SQL": quote("' OR 1=1 --"), "%": "%25"}


def test_every_parameter_takes_any_text(settings_for: SettingsFor, postgres_url: str) -> None:
    with RunningApi(settings_for(history_url=postgres_url)) as api, api.client() as http:
        job_id = http.post("/v1/jobs", json={"prompt": "x"}).json()["id"]
        http.post(f"/v1/jobs/{job_id}/cancel")
        lists = [f"/v1/jobs?{name}=" for name in (*LIST_PARAMETERS, "metadata.%00")]
        others = ["/v1/usage?tenant=", "/v1/usage?since=", "/v1/failures?since=", "/v1/batches?cursor=", "/v1/batches/"]
        paths = ["/v1/jobs/", f"/v1/jobs/{job_id}/images/", "/v1/assets/", "/v1/tenants/"]
        for address in (*lists, *others, *paths):
            for name, text in HOSTILE.items():
                response = http.get(address + text)
                assert response.status_code in {200, 404, 405, 422}, (address, name, response.text)
        assert http.get("/v1/usage?tenant=%00").json() == {"data": []}
        labels = http.patch(
            f"/v1/jobs/{job_id}",
            content='{"labels": ["\\u0000", "\\ud800"]}',
            headers={"Content-Type": "application/json"},
        )
        assert labels.status_code in {200, 422}
