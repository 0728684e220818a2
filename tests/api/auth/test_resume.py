"""Resumed jobs start at once. No other API sweeps the same Redis while this module runs."""

import redis

from renderq_shared.jobs.redis import RedisJobStore
from renderq_shared.objects import FolderStore
from renderq_shared.redis.wakeup_queues import queue_name
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi
from tests.api.worker import Worker
from tests.polling import wait_until


def test_who_goes_on_need_not_wait_for_a_sweep(settings_for: SettingsFor, store: RedisJobStore, redis_url: str) -> None:
    seldom = settings_for(sweep_seconds=3_600.0, lease_seconds=3 * 3_600.0)
    with RunningApi(seldom) as api, api.client() as http, redis.Redis.from_url(redis_url) as client:
        Worker(store, FolderStore(seldom.store_folder)).register()
        http.post("/v1/tenants/default/pause")
        http.post("/v1/jobs", json={"prompt": "x"})
        assert client.llen(queue_name("shapes")) == 0
        http.post("/v1/tenants/default/resume")
        wait_until(lambda: client.llen(queue_name("shapes")) == 1)
