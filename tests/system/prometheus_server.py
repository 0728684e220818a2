"""A real Prometheus that scrapes a service."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx2
import pytest

from tests.polling import wait_until
from tests.valkey_server import free_port

RULES = Path(__file__).parents[2] / "deploy" / "monitoring" / "renderq.rules.yml"


class PrometheusServer:
    """Use as a context manager. Scrapes each second, with the shipped rules."""

    def __init__(self, folder: Path, jobs: Mapping[str, Sequence[str]]) -> None:
        """`jobs`: name of a scrape job → its targets, HOST:PORT."""
        if shutil.which("prometheus") is None:
            pytest.skip("prometheus is not installed; Debian has it in the package prometheus")
        self._folder = folder
        self._port = free_port()
        folder.mkdir()
        scrapes = [{"job_name": name, "static_configs": [{"targets": list(to)}]} for name, to in jobs.items()]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": scrapes,
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))

    def __enter__(self) -> Self:
        self._log = (self._folder / "log").open("w")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self._folder}/prometheus.yml",
                f"--storage.tsdb.path={self._folder}/data",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._http = httpx2.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=10, trust_env=False)
        wait_until(self._is_ready, "Prometheus")
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._process.kill()
        self._process.wait()
        self._log.close()

    def value(self, query: str) -> float | None:
        """Return the only value of a query; `None` without one."""
        result = self._get("/api/v1/query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None

    def wait_for(self, query: str, value: float) -> None:
        wait_until(lambda: self.value(query) == value, f"{query} = {value}, not {self.value(query)}")

    def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        alerts = self._get("/api/v1/alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def _get(self, path: str, **params: str) -> dict:
        return self._http.get(path, params=params).raise_for_status().json()["data"]

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return self._http.get("/-/ready").is_success
        except httpx2.HTTPError:
            return False
