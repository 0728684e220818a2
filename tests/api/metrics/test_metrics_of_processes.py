"""Metrics of API processes with settings of their own. No other process sweeps, and so counts, meanwhile."""

import httpx2

from renderq_shared.access import KeyStore, Role
from renderq_shared.jobs import JobUpdate, commands
from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.redis.clients import sync_client
from tests.api.auth.conftest import make_key
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.job_store.factories import claim, claim_ref, submit
from tests.polling import wait_until
from tests.scrape import families, value
from tests.valkey_server import Valkey, free_port

MODEL = "shapes"
REQUEST = {"task": "txt2img", "model": MODEL, "prompt": "a red circle", "steps": 1, "width": 64, "height": 64}


def scrape(http: httpx2.Client) -> str:
    response = http.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/plain")
    return response.text


def page(url: str) -> str:
    return httpx2.get(url, trust_env=False, timeout=10).text


def test_of_two_api_processes_one_counts_an_end(settings_for: SettingsFor, store: RedisJobStore) -> None:
    settings = settings_for(sweep_seconds=0.05)
    with RunningApi(settings) as first, RunningApi(settings) as second, first.client() as one, second.client() as two:
        for number in range(20):
            submit(store, f"job_{number}", "default")
            store.call(commands.cancel("default", f"job_{number}"))

        def ended() -> float:
            return sum(value(scrape(each), "renderq_jobs_ended_total", status="canceled") for each in (one, two))

        wait_until(lambda: ended() >= 20, "the ends")
        assert ended() == 20


def test_refusals_are_counted_by_their_reason(settings_for: SettingsFor, redis_url: str) -> None:
    redis = sync_client(redis_url)
    keys = KeyStore(redis)
    with RunningApi(settings_for(max_queued_jobs_per_tenant=1, max_queued_jobs=2)) as api:
        tenants = [make_key(keys, name, tenant=name, requests_per_minute=3) for name in ("ada", "bob", "eve")]
        admin = make_key(keys, "ops", tenant="ops", role=Role.ADMIN)
        for key in (*tenants, tenants[0], tenants[0], tenants[0]):
            with api.client(headers={"Authorization": f"Bearer {key}"}) as client:
                client.post("/v1/jobs", json=REQUEST)
        with api.client(headers={"Authorization": f"Bearer {admin}"}) as client:
            page = scrape(client)
    redis.close()
    counts = {name: value(page, f"renderq_{name}_total") for name in ("queue_full", "quota_refused", "rate_limited")}
    assert counts == {"queue_full": 1, "quota_refused": 2, "rate_limited": 1}


def test_tenants_are_labels_only_behind_the_switch(settings_for: SettingsFor) -> None:
    for switch, labels in (("off", {"model", "task"}), ("on", {"model", "task", "tenant"})):
        with RunningApi(settings_for(metrics_tenants=switch)) as api, api.client() as client:
            client.post("/v1/jobs", json=REQUEST)
            [sample] = [
                each
                for each in families(scrape(client))["renderq_jobs_submitted"].samples
                if each.name.endswith("_total")
            ]
        assert set(sample.labels) == labels


def test_other_requests_are_answered_while_metrics_are_written(settings_for: SettingsFor) -> None:
    port = free_port()
    with RunningApi(settings_for(metrics_port=port)) as api, api.client() as client:

        def is_answered() -> bool:
            return httpx2.get(f"{api.url}/healthz", trust_env=False, timeout=5).is_success

        metrics = api.server.config.app.state.services.metrics
        metrics.add_gauge("renderq_answered", "1 if another request is answered.", is_answered)
        assert value(scrape(client), "renderq_answered") == 1
        assert value(page(f"http://127.0.0.1:{port}/metrics"), "renderq_answered") == 1


def test_a_lost_lease_is_counted_by_the_process_that_sweeps(settings_for: SettingsFor, store: RedisJobStore) -> None:
    with RunningApi(settings_for(sweep_seconds=0.05, lease_seconds=0.5)) as api, api.client() as client:
        submit(store, "job_1", "default", max_attempts=1)
        job = claim(store, lease_ms=300)
        store.call(commands.progress(claim_ref(job), JobUpdate(stage="denoising")))
        wait_until(lambda: value(scrape(client), "renderq_attempts_exhausted_total") == 1, "the lost job")
        page = scrape(client)
        assert value(page, "renderq_lease_losses_total") == 1
        assert value(page, "renderq_jobs_ended_total", status="failed", error_code="worker_lost") == 1


def test_a_port_of_its_own_needs_no_key_and_serves_nothing_else(settings_for: SettingsFor, redis_url: str) -> None:
    with sync_client(redis_url) as client:
        make_key(KeyStore(client), "ada", tenant="ada")
    port = free_port()
    with RunningApi(settings_for(metrics_port=port)):
        page = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)
        assert value(page.text, "renderq_redis_up") == 1
        other = httpx2.get(f"http://127.0.0.1:{port}/v1/jobs", trust_env=False)
        assert (other.status_code, "/metrics" in other.text) == (404, True)


def test_a_scrape_without_redis_says_so(settings_for: SettingsFor, valkey: Valkey) -> None:
    port = free_port()
    with RunningApi(settings_for(metrics_port=port, sweep_seconds=0.05)):
        url = f"http://127.0.0.1:{port}/metrics"
        valkey.pause()
        try:
            wait_until(lambda: value(page(url), "renderq_redis_up") == 0, "redis_up 0")
            assert "renderq_jobs_queued{" not in page(url)
        finally:
            valkey.resume()
        wait_until(lambda: value(page(url), "renderq_redis_up") == 1, "redis_up 1")
