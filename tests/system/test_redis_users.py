"""The whole service with Redis users that have exactly the documented permissions."""

from pathlib import Path

import pytest

from tests.api.assets.image_files import image_file
from tests.faults.fault_cluster import FaultCluster
from tests.job_store.time_travel import make_older
from tests.polling import wait_until
from tests.shared.history.sqlite_file import make_history_older

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

HOUR_MS = 3_600_000


def test_documented_permissions_suffice_for_everything(tmp_path: Path) -> None:
    with FaultCluster(tmp_path, redis_users=True) as cluster, cluster.client() as client, cluster.redis() as admin:
        webhook = {"url": cluster.receiver.url, "events": ["job.started", "job.succeeded"]}
        asset = client.assets.upload(image_file())
        job = client.submit("a red circle", steps=60, n=2, webhook=webhook, deadline_seconds=60)
        assert list(job.events(previews=True))
        variation = client.submit("a red circle", image=asset, steps=30).wait()
        assert (job.status(), variation.status) == ("succeeded", "succeeded")
        wait_until(lambda: (job.id, "job.succeeded") in cluster.receiver.ids, "the webhook")
        running = client.submit("a red circle", steps=150)
        wait_until(cluster.running, "a running job")
        running.cancel()
        wait_until(lambda: running.status().is_terminal, "the cancel")
        cluster.workers[0].stop()
        cluster.workers[1].kill()
        cluster.restart_worker(0)
        cluster.restart_worker(1)
        client.jobs.delete(running.id)
        wait_until(lambda: admin.zscore("rq:archived", job.id), "the archive")
        make_older(admin, 8 * 24 * HOUR_MS)
        make_history_older(cluster.api_data, 8 * 24 * HOUR_MS)
        wait_until(lambda: client.job(job.id).job.outputs_expired, "retention of images")
        assert client.submit("a red circle", steps=20).wait().status == "succeeded"
        wait_until(lambda: not admin.exists("rq:removals"), "the removal of files")
        assert [(entry["username"], entry["object"]) for entry in admin.acl_log()] == []
