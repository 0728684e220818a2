"""Services for tests of the page, which run for the whole session.

Each has a Redis of its own: it must not see the keys and jobs of other tests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from renderq_shared.settings import ApiSettings
from tests.api.running_api import RunningApi
from tests.shared.history.sqlite_file import empty_history
from tests.system.http_user import TERMINAL
from tests.system.service import Service
from tests.valkey_server import Valkey


class PageService(Service):
    """`renderq up`, whose jobs can be deleted between tests."""

    @property
    def max_steps(self) -> int:
        """Steps of a job that runs for a while."""
        return self.http.get("/v1/models/shapes").json()["limits"]["max_steps"]

    def delete_jobs(self) -> None:
        """Cancel and delete all jobs."""
        while jobs := self.http.get("/v1/jobs", params={"limit": 100}).json()["data"]:
            for job in jobs:
                if job["status"] not in TERMINAL:
                    self.http.post(f"/v1/jobs/{job['id']}/cancel")
                    self.wait_until_ended(job["id"])
                self.http.delete(f"/v1/jobs/{job['id']}").raise_for_status()


@dataclass(frozen=True)
class OwnApi:
    """An API in this process, with its Redis."""

    api: RunningApi
    valkey: Valkey

    def emptied(self) -> RunningApi:
        """Delete all keys and jobs, and return the API."""
        self.valkey.empty()
        empty_history(self.api.settings.data)
        return self.api


@contextmanager
def own_api(folder: Path, **options: object) -> Iterator[OwnApi]:
    """Run an API on a Redis of its own; options are its settings."""
    (folder / "redis").mkdir()
    valkey = Valkey(folder / "redis")
    valkey.start()
    try:
        with RunningApi(ApiSettings(data=folder, redis_url=valkey.url, **{"port": 0, **options})) as api:
            yield OwnApi(api, valkey)
    finally:
        valkey.close()
