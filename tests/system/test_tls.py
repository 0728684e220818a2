"""Redis behind TLS: API and worker accept a trusted certificate and reject others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.cluster import Cluster, ServiceProcess
from tests.tls import TlsProxy, self_signed, server_context
from tests.valkey_server import Valkey

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

Certificate = tuple[Path, Path]
"""Key and certificate."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"), "IP:127.0.0.1")


@pytest.fixture(scope="module")
def tls_proxy(own_valkey: Valkey, certificate: Certificate) -> Iterator[TlsProxy]:
    with TlsProxy(own_valkey.port, server_context(*certificate)) as tls_proxy:
        yield tls_proxy


def test_a_job_is_accepted_woken_for_and_rendered(
    tls_proxy: TlsProxy, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    url = f"rediss://127.0.0.1:{tls_proxy.port}/0?ssl_ca_certs={certificate[1]}"
    with Cluster(tmp_path, url, "folder:", {"RENDERQ_SWEEP_SECONDS": "60"}) as cluster:
        cluster.start_workers("w1", device="simulated:10")
        job = cluster.http.post("/v1/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=60"}).json()
        assert job["status"] == "succeeded", cluster.log_text


@pytest.mark.parametrize("command", [("api", "--port", "0"), ("worker", "--device", "simulated")])
def test_an_untrusted_certificate_is_refused_with_the_reason(
    tls_proxy: TlsProxy, tmp_path: Path, command: tuple[str, ...]
) -> None:
    url = f"rediss://127.0.0.1:{tls_proxy.port}/0"
    part = ServiceProcess(command[0], tmp_path, {}, *command, "--redis-url", url, "--data", str(tmp_path))
    try:
        assert "self-signed certificate" in part.wait_for_log("certificate verify failed")
        assert "Traceback" not in part.log_text
    finally:
        part.kill()
