"""A real API server (uvicorn on a TCP port) in a thread of the test process."""

import threading
from typing import ClassVar, Self

import httpx2
from pydantic import SecretStr

from renderq_api.server import Server, run
from renderq_shared.settings import ApiSettings
from tests.fast_model.catalog import MODELS_TOML


class RunningApi:
    """API server that runs while the `with` block runs."""

    _running: ClassVar[list["RunningApi"]] = []

    def __init__(self, settings: ApiSettings) -> None:
        """Without a catalog of its own, it has the fast model; without a history, that of an API on the same Redis."""
        beside = [each.settings for each in self._running if each.settings.redis_url == settings.redis_url]
        if beside and settings.history_url is None:
            settings = settings.model_copy(update={"history_url": SecretStr(beside[0].history_database)})
        self.settings = settings if settings.models else settings.model_copy(update={"models": MODELS_TOML})
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="api")
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(timeout=30)
        if self._failure:
            raise self._failure
        self._running.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self in self._running:
            self._running.remove(self)
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
