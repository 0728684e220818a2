"""What a real Prometheus reads from a real service."""

from pathlib import Path

import psutil
import pytest

from tests.polling import wait_until
from tests.system.prometheus_server import PrometheusServer
from tests.system.service import Service
from tests.valkey_server import free_port

pytestmark = pytest.mark.system


def two_ports() -> int:
    """Return a free port whose successor is free, too."""
    return wait_until(lambda: (port := free_port()) and free_port_is(port + 1) and port, "two free ports")


def free_port_is(port: int) -> bool:
    return port < 65_536 and port not in {each.laddr.port for each in psutil.net_connections("tcp") if each.laddr}


def test_prometheus_sees_jobs_and_a_worker_that_is_lost(tmp_path: Path) -> None:
    port = two_ports()
    env = {"RENDERQ_METRICS_PORT": str(port), "RENDERQ_LEASE_SECONDS": "2", "RENDERQ_MAX_ATTEMPTS": "1"}
    with (
        Service(tmp_path / "service", env=env) as service,
        PrometheusServer(
            tmp_path / "prometheus",
            {"renderq-api": [f"127.0.0.1:{port}"], "renderq-worker": [f"127.0.0.1:{port + 1}"]},
        ) as prometheus,
    ):
        model = service.http.get("/v1/models").json()["data"][0]["name"]
        assert service.wait_until_ended(service.submit(steps=2)["id"])["status"] == "succeeded"
        labels = f'{{model="{model}"}}'
        prometheus.wait_for(f"sum(renderq_jobs_submitted_total{labels})", 1)
        prometheus.wait_for(f'sum(renderq_jobs_ended_total{{model="{model}",status="succeeded"}})', 1)
        prometheus.wait_for(f"sum(renderq_images_total{labels})", 1)
        prometheus.wait_for(f"max(renderq_model_workers{labels})", 1)
        prometheus.wait_for("min(renderq_redis_up) + min(renderq_store_up)", 2)
        prometheus.wait_for('sum(up{job=~"renderq.*"})', 2)
        assert prometheus.firing() == set()

        long_job = service.submit(steps=150, n=8)
        service.wait_until(long_job["id"], lambda job: bool((job["progress"] or {}).get("step")))
        service.process("worker").kill()
        wait_until(lambda: "RenderqLeasesLost" in prometheus.firing(), "the alert")
