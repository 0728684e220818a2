"""The example receiver in docs/guides/webhooks.md, run as printed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from renderq_shared.jobs.redis import RedisJobStore
from tests.api.running_api import RunningApi
from tests.api.webhooks.webhook_jobs import SECRETS, delivery, render_job
from tests.polling import wait_until

PAGE = Path(__file__).parents[3] / "docs" / "guides" / "webhooks.md"


@contextmanager
def receiver_of_the_page(folder: Path) -> Iterator[subprocess.Popen[str]]:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "WEBHOOK_SECRET": SECRETS[0], "PORT": "0"}
    argv = [sys.executable, "-W", "error", "-c", program]
    with subprocess.Popen(
        argv, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_receiver_of_the_page_takes_each_event_once_and_refuses_others(
    api: RunningApi, store: RedisJobStore, tmp_path: Path
) -> None:
    with receiver_of_the_page(tmp_path) as process, api.client() as http:
        assert process.stdout
        url = f"http://127.0.0.1:{process.stdout.readline().split()[-1]}/hooks"
        job_id = render_job(api, store, url)
        wait_until(lambda: delivery(api, job_id)["status"] == "delivered")
        again = http.post(f"/v1/deliveries/{delivery(api, job_id)['id']}/replay").json()
        wait_until(lambda: len(delivery(api, job_id)["attempts"]) == 2)
        assert [each["status"] for each in delivery(api, job_id)["attempts"]] == [204, 204]
        forged = {"webhook-id": again["id"], "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        assert httpx2.post(url, content=b"{}", headers=forged, trust_env=False).status_code == 400
        process.kill()
        image = f"https://images.example/v1/jobs/{job_id}/images/0"
        assert process.stdout.read().splitlines() == [f"job.succeeded {job_id} ['{image}']"]
