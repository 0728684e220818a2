"""A service of several processes as an operator starts it: one API, any number of workers, on an external Redis and S3
store. Its model is the fast one, unless the settings name a catalog."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

import httpx2

from tests.fast_model.catalog import MODELS_TOML
from tests.system.http_user import HttpUser

START_TIMEOUT_S = WAIT_TIMEOUT_S = 180


class ServiceProcess:
    """One process."""

    def __init__(self, name: str, folder: Path, env: Mapping[str, str], *argv: str) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "renderq", *argv],
                env={**os.environ, "OMP_NUM_THREADS": "1", "RENDERQ_THREADS": "1", "RENDERQ_LOG_FORMAT": "json", **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log_text(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_for_log(self, text: str) -> str:
        """Wait for the first line that contains the text, and return it."""
        end = time.monotonic() + START_TIMEOUT_S
        while not (found := [line for line in self.log_text.splitlines() if text in line]):
            assert self._process.poll() is None, f"{self.name} ended\n{self.log_text}"
            assert time.monotonic() < end, f"{self.name} did not log {text!r}\n{self.log_text}"
            time.sleep(0.02)
        return found[0]

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM; the exit code. Killed after a minute."""
        self.terminate()
        try:
            return self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class Cluster(HttpUser):
    """Use as a context manager, which starts the API. `on`: name of a part → the host on which it starts."""

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        store: str,
        env: Mapping[str, str],
        on: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),
    ) -> None:
        self._folder = folder
        self._options = ("--redis-url", redis_url, "--store", store, "--data", str(folder))
        self._env = {"RENDERQ_MODELS": str(MODELS_TOML), **env}
        self._on = on
        self._parts: dict[str, ServiceProcess] = {}

    def __enter__(self) -> Self:
        api = self._start("api", "api", "--port", "0")
        self.http = httpx2.Client(base_url=api.wait_for_log("ready http").split()[1], timeout=70, trust_env=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self.stop_all()

    def start_worker(self, name: str, *options: str, **settings: str) -> ServiceProcess:
        """Settings as their environment variables without the prefix."""
        return self._start(name, "worker", "--name", name, *options, **settings)

    def start_workers(self, *names: str, device: str = "simulated") -> None:
        """Wait until all are listed."""
        for name in names:
            self.start_worker(name, "--device", device)
        self.wait_for_workers(*names)

    def process(self, name: str) -> ServiceProcess:
        return self._parts[name]

    def workers(self) -> dict[str, dict[str, Any]]:
        return {worker["id"]: worker for worker in self.http.get("/v1/workers").json()["data"]}

    def running_on(self, worker: str) -> list[dict[str, Any]]:
        """Running jobs that this worker has claimed."""
        jobs = self.http.get("/v1/jobs", params={"status": "running", "limit": 100}).json()["data"]
        return [job for job in jobs if job["worker"] == worker]

    def wait_for_workers(self, *names: str) -> None:
        """Wait until all of them are listed."""
        self.wait_for(lambda: self.workers().keys() >= set(names), f"workers {names}")

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until the condition returns a true value, and return it."""
        end = time.monotonic() + WAIT_TIMEOUT_S
        while not (result := condition()):
            assert time.monotonic() < end, f"timed out waiting for {what}\n{self.log_text}"
            time.sleep(0.02)
        return result

    def stop_workers(self) -> None:
        """End all at once; killed ones have ended already."""
        workers = [part for name, part in self._parts.items() if name != "api"]
        for part in workers:
            part.terminate()
        for part in workers:
            part.stop()
            del self._parts[part.name]

    def stop_all(self) -> None:
        self.stop_workers()
        self._parts.pop("api").stop()

    @property
    def log_text(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self._folder.glob("*.log")))

    def _start(self, name: str, *argv: str, **settings: str) -> ServiceProcess:
        env = {**self._env, **{f"RENDERQ_{setting.upper()}": value for setting, value in settings.items()}}
        with self._on(name):
            part = ServiceProcess(name, self._folder, env, *argv, *self._options)
        self._parts[name] = part
        return part
