"""A real API server (uvicorn on a TCP port) in a thread of the test process."""

import threading
from typing import Self

import httpx2

from renderq_api.server import Server, run
from renderq_shared.settings import ApiSettings


class RunningApi:
    """API server that runs while the `with` block runs."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api")
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(timeout=30)
        if self._failure:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()

    def client(self, **options: object) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=30, trust_env=False, **options)

    def _run(self) -> None:
        try:
            run(self.settings, self._on_ready)
        except BaseException as error:
            self._failure = error
        finally:
            self._ready.set()

    def _on_ready(self, url: str, server: Server) -> None:
        self.url, self.server = url, server
        self._ready.set()
