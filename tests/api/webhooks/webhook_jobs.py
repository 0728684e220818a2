"""An API with webhooks enabled, and jobs that cause events."""

import json
from typing import Any

from renderq_shared.jobs import commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from tests.api.api_process import ApiProcess
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.job_store.factories import submit

SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 32)


WEBHOOK_SETTINGS: dict[str, Any] = {
    "webhook_secrets": ",".join(SECRETS),
    "egress_allow": "127.0.0.0/8",
    "webhook_delays": "0.1,0.1,0.1,0.1",
    "public_url": "https://images.example",
}


def webhook_api(settings_for: SettingsFor, **options: object) -> RunningApi:
    return RunningApi(settings_for(**{**WEBHOOK_SETTINGS, **options}))


def submit_job(api: RunningApi | ApiProcess, url: str, *events: str, n: int = 1) -> str:
    webhook = {"url": url, **({"events": list(events)} if events else {})}
    with api.client() as http:
        response = http.post("/v1/jobs", json={"prompt": "x", "n": n, "webhook": webhook})
    assert response.status_code == 201, response.text
    return response.json()["id"]


def render_job(api: RunningApi, store: RedisJobStore, url: str, *events: str, n: int = 1) -> str:
    job_id = submit_job(api, url, *events, n=n)
    worker = Worker(store, FolderStore(api.settings.store_folder))
    worker.finish(worker.claim())
    return job_id


def cancel_job(store: RedisJobStore, name: str, url: str, host: str, tenant: str = "default") -> str:
    """Submit a job through the store and cancel it: one event."""
    request = {"prompt": "x", "metadata": {}, "webhook": {"url": url}}
    events = ("job.canceled",)
    submit(store, name, tenant, request_json=json.dumps(request), webhook_events=events, webhook_host=host)
    store.call(commands.cancel(tenant, name))
    return name


def deliveries(api: RunningApi, job_id: str) -> list[dict[str, Any]]:
    with api.client() as http:
        return http.get(f"/v1/jobs/{job_id}/deliveries").json()["data"]


def delivery(api: RunningApi, job_id: str) -> dict[str, Any]:
    """Return the job's only delivery."""
    (only,) = deliveries(api, job_id)
    return only
